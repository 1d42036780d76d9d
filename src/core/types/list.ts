/**
 * Lists: a sequence of registers, each under a position (position.ts) that it keeps for as long as it lives. A push makes
 * a position beyond both ends, LINSERT one between two, LSET writes a new value where one stands; pops, LREM and LTRIM
 * remove the elements that they saw. What was removed leaves nothing behind, since no position is ever made twice.
 */
import { MalformedError } from '../bytes.ts';
import { KeyType, type ListOperations } from '../contract.ts';
import type { DatabaseView } from '../database.ts';
import { dropElement, LIST_ELEMENT, writeElement } from '../element-writes.ts';
import { type Elements, NO_CANCELS } from '../elements.ts';
import { Slice } from '../slice.ts';
import { Op } from '../txn.ts';
import { ListOrder } from './list-order.ts';
import { type ListEnd, PositionWriter, writeBetween } from './position.ts';
import type { Sequence } from './sequence.ts';

const position = new Slice();
const element = new Slice();
const positions = new PositionWriter();

export class ListType implements ListOperations {
  private readonly db: DatabaseView;

  constructor(db: DatabaseView) {
    this.db = db;
  }

  size(key: Slice): number {
    return this.db.partForRead(key, KeyType.list)?.size ?? 0;
  }

  at(key: Slice, index: number, out: Slice): boolean {
    const part = this.db.partForRead(key, KeyType.list);
    const reference = part === undefined ? 0 : sequenceOf(part).at(index);
    if (part === undefined || reference === 0) return false;
    part.fillFrom(reference, out);
    return true;
  }

  range(key: Slice, from: number, count: number, step: 1 | -1, visit: (value: Slice) => boolean | undefined): void {
    const part = this.db.partForRead(key, KeyType.list);
    if (part === undefined) return;
    const value = new Slice();
    sequenceOf(part).walk(from, count, step, (reference) => visit(part.fillFrom(reference, value)));
  }

  /** In their order, with their positions. */
  forEach(key: Slice, visit: (position: Slice, value: Slice) => void): void {
    const part = this.db.partForRead(key, KeyType.list);
    if (part === undefined) return;
    const name = new Slice();
    const value = new Slice();
    sequenceOf(part).walk(0, Number.POSITIVE_INFINITY, 1, (reference) => {
      visit(part.table.fillKey(reference, name), part.fillFrom(reference, value));
      return true;
    });
  }

  /** An element at a position that it has had under another key. */
  put(key: Slice, name: Slice, value: Slice): void {
    this.db.prepareWrite(key, KeyType.list);
    const part = this.partOf(key);
    const at = part?.table.find(name.bytes, name.start, name.end) ?? -1;
    writeElement(this.db, LIST_ELEMENT, key, name, value, part, at);
  }

  push(key: Slice, end: ListEnd, value: Slice): number {
    return this.pushInPlain(key, end, value) ?? this.pushInAny(key, end, value);
  }

  pushInPlain(key: Slice, end: ListEnd, value: Slice): number | undefined {
    const { db } = this;
    const found = db.findForWrite(key);
    const plain = found < 0 ? undefined : db.keyspace.bodies.plainPart(found, KeyType.list);
    if (plain === undefined) return undefined;
    const count = this.writePush(key, end, value);
    db.keyspace.listPushTo(plain, key, end, count, value, true);
    return plain.size;
  }

  /** The general way: the key may be absent, of another type beside, or have a time to live. */
  private pushInAny(key: Slice, end: ListEnd, value: Slice): number {
    const { db } = this;
    const place = db.prepareWrite(key, KeyType.list);
    const hideAt = db.deadlineToExtend(place, key);
    const count = this.writePush(key, end, value);
    db.keyspace.listPush(key, end, count, value);
    db.extendDeadline(key, hideAt);
    return this.partOf(key)?.size ?? 0;
  }

  private writePush(key: Slice, end: ListEnd, value: Slice): number {
    const { db } = this;
    const writer = db.txn.begin();
    const count = db.txn.nextCount();
    writer.op(Op.listPush, db.index, key, NO_CANCELS);
    writer.place(end, count);
    writer.run(value);
    return count;
  }

  assign(key: Slice, index: number, value: Slice): boolean {
    const { db } = this;
    if (index < 0 || index >= this.size(key)) return false;
    const place = db.prepareWrite(key, KeyType.list);
    const hideAt = db.deadlineToExtend(place, key);
    const part = this.partOf(key);
    const reference = part === undefined ? 0 : sequenceOf(part).at(index);
    if (part === undefined || reference === 0) return false;
    this.write(key, part.table.fillKey(reference, position), value, part);
    db.extendDeadline(key, hideAt);
    return true;
  }

  insert(key: Slice, pivot: number, side: 'before' | 'after', value: Slice): void {
    const { db } = this;
    const place = db.prepareWrite(key, KeyType.list);
    const hideAt = db.deadlineToExtend(place, key);
    const part = this.partOf(key);
    // what hid under the key in another type may have taken the element along
    if (part === undefined || sequenceOf(part).at(pivot) === 0) return;
    // stamps the txn
    db.txn.begin();
    this.writeGap(part, side === 'after' ? pivot : pivot - 1, side === 'after');
    const { stamp, self, replicas } = db.state;
    positions.dot('tail', stamp, replicas.bytes[self], db.txn.nextCount());
    this.write(key, positions.into(position), value, part);
    db.extendDeadline(key, hideAt);
  }

  /** What stands before the dot of a position between the elements at `first` and behind it. */
  private writeGap(part: Elements, first: number, isAfter: boolean): void {
    const sequence = sequenceOf(part);
    const [before, after] = [sequence.at(first), sequence.at(first + 1)];
    try {
      writeBetween(positions, nameOf(part, before), nameOf(part, after), isAfter);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // damaged in memory: until a peer's copy takes its place nobody knows what is beside it
      this.db.state.noteDamage(part.terms.slotOf(before === 0 ? after : before));
      positions.reset();
    }
  }

  private write(key: Slice, name: Slice, value: Slice, part: Elements): void {
    writeElement(this.db, LIST_ELEMENT, key, name, value, part, part.table.find(name.bytes, name.start, name.end));
  }

  removeRange(key: Slice, from: number, count: number): void {
    const { db } = this;
    const found = db.findForWrite(key);
    const plain = found < 0 ? undefined : db.keyspace.bodies.plainPart(found, KeyType.list);
    const part = plain ?? (found < 0 ? undefined : this.partOf(key));
    if (part === undefined) return;
    const { table } = part;
    const name = new Slice();
    for (let left = Math.min(count, part.size - from); left > 0; left--) {
      // from the end that is nearer to where nothing has to move up
      const reference = sequenceOf(part).at(from === 0 ? 0 : from + left - 1);
      if (reference === 0) return;
      table.fillKey(reference, name);
      const at = table.find(name.bytes, name.start, name.end);
      if (at >= 0 && plain !== undefined) this.removeFromPlain(key, name, plain, at);
      else if (at >= 0) this.removeElement(key, name, part, at);
      else db.state.noteDamage(part.terms.slotOf(reference));
    }
  }

  popInPlain(key: Slice, end: ListEnd, taker: { bulk(value: Slice): void }): boolean {
    const { db } = this;
    const found = db.findForWrite(key);
    const plain = found < 0 ? undefined : db.keyspace.bodies.plainPart(found, KeyType.list);
    if (plain === undefined) return false;
    const sequence = sequenceOf(plain);
    const reference = sequence.at(end === 'head' ? 0 : sequence.size - 1);
    const { table } = plain;
    if (reference === 0) return false;
    table.fillKey(reference, position);
    const at = table.find(position.bytes, position.start, position.end);
    if (at < 0) return false;
    taker.bulk(plain.fillFrom(reference, element));
    this.removeFromPlain(key, position, plain, at);
    return true;
  }

  private removeFromPlain(key: Slice, name: Slice, part: Elements, at: number): void {
    const { db } = this;
    const writer = db.txn.begin();
    writer.op(Op.listRemove, db.index, key, NO_CANCELS);
    writer.run(name);
    db.keyspace.listRemoveFrom(part, at, key);
  }

  /** The removal of the element at `at` of the table, as an effect. */
  removeElement(key: Slice, name: Slice, part: Elements, at: number): void {
    dropElement(this.db, LIST_ELEMENT, key, name, part, at);
  }

  private partOf(key: Slice): Elements | undefined {
    const { bodies } = this.db.keyspace;
    const body = bodies.findBody(key);
    return body === undefined ? undefined : bodies.partOf(body, KeyType.list);
  }
}

function sequenceOf(part: Elements): Sequence {
  if (!(part.order instanceof ListOrder)) throw new Error(`elements of type ${part.type} are no list`);
  return part.order.sequence();
}

function nameOf(part: Elements, reference: number): Buffer | null {
  return reference === 0 ? null : part.table.fillKey(reference, new Slice()).view();
}
