/**
 * Sets: add-wins, observed-remove (optimised OR-set). A member is a cell with an empty value: its dots are the adds
 * that nobody has removed. Adding a present member is an effect too: it wins over a remove that did not see it.
 * Only where no other replica can have seen the member yet is there nothing to win against, and nothing to do.
 */
import { KeyType, type SetOperations } from '../contract.ts';
import { type DatabaseView, pickEvenly } from '../database.ts';
import { type Elements, NO_CANCELS } from '../elements.ts';
import { Slice } from '../slice.ts';
import { Op } from '../txn.ts';

const WALK_END = 2 ** 32;

export class SetType implements SetOperations {
  private readonly db: DatabaseView;

  constructor(db: DatabaseView) {
    this.db = db;
  }

  size(key: Slice): number {
    return this.db.partForRead(key, KeyType.set)?.size ?? 0;
  }

  has(key: Slice, member: Slice): boolean {
    const part = this.db.partForRead(key, KeyType.set);
    return part !== undefined && part.findShown(member.bytes, member.start, member.end) >= 0;
  }

  add(key: Slice, member: Slice): boolean {
    return this.addToPlain(key, member) ?? this.addToAny(key, member);
  }

  addToPlain(key: Slice, member: Slice): boolean | undefined {
    const { db } = this;
    const found = db.findForWrite(key);
    const plain = found < 0 ? undefined : db.keyspace.bodies.plainPart(found, KeyType.set);
    if (plain === undefined) return undefined;
    const at = plain.table.find(member.bytes, member.start, member.end);
    const shown = at >= 0 && plain.isShown(at);
    if (shown && this.isUnseen(plain, at)) return false;
    const writer = db.txn.begin();
    writer.op(Op.setAdd, db.index, key, NO_CANCELS);
    writer.run(member);
    db.keyspace.setAddTo(plain, at, key, member);
    return !shown;
  }

  /** True if no other replica can have seen the add that put the member there: a remove that misses it is impossible. */
  private isUnseen(part: Elements, at: number): boolean {
    const { state, txn } = this.db;
    const reference = part.table.referenceAt(at);
    return state.alone || txn.isUnsent(part.table.replica(reference), part.table.stamp(reference));
  }

  /** The general way: the key may be absent, of another type beside, or have a time to live. */
  private addToAny(key: Slice, member: Slice): boolean {
    const { db } = this;
    const place = db.prepareWrite(key, KeyType.set);
    const hideAt = db.deadlineToExtend(place, key);
    const before = place < 0 ? undefined : db.keyspace.bodies.findBody(key);
    const part = before === undefined ? undefined : db.keyspace.bodies.partOf(before, KeyType.set);
    const created = part === undefined || part.findShown(member.bytes, member.start, member.end) < 0;
    const writer = db.txn.begin();
    writer.op(Op.setAdd, db.index, key, NO_CANCELS);
    writer.run(member);
    db.keyspace.setAdd(key, member);
    db.extendDeadline(key, hideAt);
    return created;
  }

  remove(key: Slice, member: Slice): boolean {
    const { db } = this;
    if (db.findForWrite(key) < 0 || !this.has(key, member)) return false;
    this.removeMember(key, member);
    return true;
  }

  /** The removal of a present member, as an effect. */
  removeMember(key: Slice, member: Slice): void {
    const { db } = this;
    const writer = db.txn.begin();
    writer.op(Op.setRemove, db.index, key, NO_CANCELS);
    writer.run(member);
    db.keyspace.setRemove(key, member);
  }

  forEach(key: Slice, visit: (member: Slice) => void): void {
    this.scan(key, 0, Number.POSITIVE_INFINITY, visit);
  }

  scan(key: Slice, cursor: number, count: number, visit: (member: Slice) => void): number {
    const part = this.db.partForRead(key, KeyType.set);
    if (part === undefined || cursor >= WALK_END) return 0;
    const member = new Slice();
    const next = part.table.walk(cursor, count, (at) => {
      if (part.isShown(at)) visit(part.table.fillKey(part.table.referenceAt(at), member));
    });
    return next >= WALK_END ? 0 : next;
  }

  random(key: Slice, random: () => number, out: Slice): boolean {
    const part = this.db.partForRead(key, KeyType.set);
    if (part === undefined) return false;
    const at = pickEvenly(part, random, (place) => part.isShown(place));
    if (at < 0) return false;
    part.table.fillKey(part.table.referenceAt(at), out);
    return true;
  }
}
