/**
 * Hashes: fields add-wins, each field a register or counter as a string is, each with deadlines of its own. A removal
 * of a field, or of the key, takes what it observed; a concurrent write of a field survives it.
 */
import { type Amount, asDecimal, plus } from '../amount.ts';
import type { Body } from '../bodies.ts';
import {
  type HashOperations,
  type IncrementRefusal,
  type Integer,
  KEEP_DEADLINE,
  KeyType,
  NO_DEADLINE,
  NO_KEY,
  type UnixMs,
} from '../contract.ts';
import { type DatabaseView, pickEvenly } from '../database.ts';
import type { Decimal } from '../decimal.ts';
import { dropElement, elementCancels, HASH_FIELD, raiseElement, writeElement } from '../element-writes.ts';
import { type Elements, NO_CANCELS } from '../elements.ts';
import { addIntegers } from '../integer.ts';
import { Slice } from '../slice.ts';
import { FLAG_DEADLINE } from '../state.ts';
import { Op } from '../txn.ts';
import { shownAmount, shownInteger } from './string.ts';

const DEADLINE_MAX = 2 ** 52;
const WALK_END = 2 ** 32;

export class HashType implements HashOperations {
  private readonly db: DatabaseView;

  constructor(db: DatabaseView) {
    this.db = db;
  }

  size(key: Slice): number {
    const { db } = this;
    const part = db.partForRead(key, KeyType.hash);
    if (part === undefined) return 0;
    return part.size - (db.keyspace.bodies.findBody(key)?.fieldDeadlines?.expiredCount(db.state.now) ?? 0);
  }

  get(key: Slice, field: Slice, out: Slice): boolean {
    const part = this.db.partForRead(key, KeyType.hash);
    if (part === undefined) return false;
    const at = part.findShown(field.bytes, field.start, field.end);
    if (at < 0 || this.isExpired(key, part, at)) return false;
    part.fill(at, out);
    return true;
  }

  has(key: Slice, field: Slice): boolean {
    const part = this.db.partForRead(key, KeyType.hash);
    if (part === undefined) return false;
    const at = part.findShown(field.bytes, field.start, field.end);
    return at >= 0 && !this.isExpired(key, part, at);
  }

  set(key: Slice, field: Slice, value: Slice, deadline: number): boolean {
    if (deadline >= 0) return this.setInAny(key, field, value, deadline);
    return this.setInPlain(key, field, value) ?? this.setInAny(key, field, value, deadline);
  }

  setInPlain(key: Slice, field: Slice, value: Slice): boolean | undefined {
    const { db } = this;
    const found = db.findForWrite(key);
    const plain = found < 0 ? undefined : db.keyspace.bodies.plainPart(found, KeyType.hash);
    if (plain === undefined) return undefined;
    const at = plain.table.find(field.bytes, field.start, field.end);
    const created = at < 0 || !plain.isShown(at);
    const cancels = elementCancels(plain, at);
    const writer = db.txn.begin();
    writer.op(Op.hashAssign, db.index, key, cancels);
    writer.run(field);
    writer.run(value);
    db.keyspace.hashAssignTo(plain, at, key, field, value, cancels);
    return created;
  }

  /** The general way: the key may be absent, of another type beside, or have times to live. */
  private setInAny(key: Slice, field: Slice, value: Slice, deadline: number): boolean {
    const { db } = this;
    const place = db.prepareWrite(key, KeyType.hash);
    const hideAt = db.deadlineToExtend(place, key);
    const { part, at } = this.fieldForWrite(key, field);
    const fieldDeadline = deadline === KEEP_DEADLINE && at >= 0 ? this.deadlineAt(key, part, at) : deadline;
    const created = at < 0 || part === undefined || !part.isShown(at);
    writeElement(db, HASH_FIELD, key, field, value, part, at);
    if (fieldDeadline >= 0) this.expireAt(key, field, fieldDeadline);
    db.extendDeadline(key, hideAt);
    return created;
  }

  /** `expired`: collection removes a field whose time has come. */
  remove(key: Slice, field: Slice, expired = false): boolean {
    const { db } = this;
    // collection goes field by field: the whole key might have got more time elsewhere
    if (!expired && db.findForWrite(key) < 0) return false;
    const { part, at } = expired ? this.findField(key, field) : this.fieldForWrite(key, field);
    if (part === undefined || at < 0 || !part.isShown(at)) return false;
    this.removeField(key, field, part, at);
    return true;
  }

  /** The removal of the field at `at`, as an effect. */
  removeField(key: Slice, field: Slice, part: Elements, at: number): void {
    dropElement(this.db, HASH_FIELD, key, field, part, at);
  }

  addInteger(key: Slice, field: Slice, delta: Integer): Integer | IncrementRefusal {
    const { part, at } = this.counterField(key, field);
    const current = part === undefined || at < 0 ? 0 : shownInteger(part, at);
    if (current === undefined) return 'NOT_AN_INTEGER';
    const total = addIntegers(current, delta);
    if (total === undefined) return 'OVERFLOW';
    return this.add(key, field, delta) ? total : delta;
  }

  addDecimal(key: Slice, field: Slice, delta: Decimal): Decimal | IncrementRefusal {
    const { part, at } = this.counterField(key, field);
    const current = part === undefined || at < 0 ? 0 : shownAmount(part, at);
    if (typeof current === 'string') return current;
    const total = asDecimal(plus(current, delta));
    if (!total.isFinite()) return 'NOT_FINITE';
    return this.add(key, field, delta) ? total : delta;
  }

  private counterField(key: Slice, field: Slice): { part: Elements | undefined; at: number } {
    const { db } = this;
    if (db.findForWrite(key) < 0) return NO_FIELD;
    return this.fieldForWrite(key, field);
  }

  /** False if the field begins afresh, absent or gone with a key that had lived on for what hid in another type only. */
  private add(key: Slice, field: Slice, delta: Amount): boolean {
    const { db } = this;
    const place = db.prepareWrite(key, KeyType.hash);
    const hideAt = db.deadlineToExtend(place, key);
    const { part, at } = this.fieldForWrite(key, field);
    const fieldDeadline = part === undefined || at < 0 ? NO_DEADLINE : this.deadlineAt(key, part, at);
    const continued = part !== undefined && at >= 0 && part.isShown(at);
    raiseElement(db, HASH_FIELD, key, field, delta, part, at);
    if (fieldDeadline >= 0) this.expireAt(key, field, fieldDeadline);
    db.extendDeadline(key, hideAt);
    return continued;
  }

  forEach(key: Slice, visit: (field: Slice, value: Slice) => void): void {
    this.scan(key, 0, Number.POSITIVE_INFINITY, visit);
  }

  scan(key: Slice, cursor: number, count: number, visit: (field: Slice, value: Slice) => void): number {
    const part = this.db.partForRead(key, KeyType.hash);
    if (part === undefined || cursor >= WALK_END) return 0;
    const field = new Slice();
    const value = new Slice();
    const next = part.table.walk(cursor, count, (at) => {
      if (!part.isShown(at) || this.isExpired(key, part, at)) return;
      visit(part.table.fillKey(part.table.referenceAt(at), field), part.fill(at, value));
    });
    return next >= WALK_END ? 0 : next;
  }

  random(key: Slice, random: () => number, field: Slice, value: Slice): boolean {
    const part = this.db.partForRead(key, KeyType.hash);
    if (part === undefined) return false;
    const at = pickEvenly(part, random, (place) => part.isShown(place) && !this.isExpired(key, part, place));
    if (at < 0) return false;
    part.table.fillKey(part.table.referenceAt(at), field);
    part.fill(at, value);
    return true;
  }

  // --- deadlines of fields

  deadlineOf(key: Slice, field: Slice): number {
    const part = this.db.partForRead(key, KeyType.hash);
    if (part === undefined) return NO_KEY;
    const at = part.findShown(field.bytes, field.start, field.end);
    return at < 0 || this.isExpired(key, part, at) ? NO_KEY : this.deadlineAt(key, part, at);
  }

  expireAt(key: Slice, field: Slice, deadline: UnixMs): void {
    const { db } = this;
    const { part, at } = this.fieldForWrite(key, field);
    if (part === undefined || at < 0) return;
    if (deadline <= db.state.now) this.removeField(key, field, part, at);
    else this.writeDeadline(key, field, part, at, Math.min(deadline, DEADLINE_MAX));
  }

  persist(key: Slice, field: Slice): boolean {
    const { part, at } = this.counterField(key, field);
    if (part === undefined || at < 0 || this.deadlineAt(key, part, at) === NO_DEADLINE) return false;
    this.writeDeadline(key, field, part, at, Number.POSITIVE_INFINITY);
    return true;
  }

  private writeDeadline(key: Slice, field: Slice, part: Elements, at: number, deadline: UnixMs): void {
    const { db } = this;
    const writer = db.txn.begin();
    const scope: number[] = [];
    const cell = part.cellAt(at);
    for (const dot of [...cell.siblings, ...cell.tallies]) {
      const known = scope.findIndex((each, i) => i % 2 === 0 && each === dot.replica);
      if (known < 0) scope.push(dot.replica, dot.stamp);
      else scope[known + 1] = Math.max(scope[known + 1], dot.stamp);
    }
    const own = scope.length === 2 && scope[0] === db.state.self && scope[1] === db.state.stamp;
    writer.op(Op.fieldExpire, db.index, key, NO_CANCELS);
    writer.run(field);
    writer.deadline(deadline, own ? [] : scope);
    db.keyspace.fieldExpire(key, field, deadline, own ? [] : scope);
  }

  private findField(key: Slice, field: Slice): { part: Elements | undefined; at: number } {
    const body = this.db.keyspace.bodies.findBody(key);
    const part = body === undefined ? undefined : this.db.keyspace.bodies.partOf(body, KeyType.hash);
    if (part === undefined) return NO_FIELD;
    found.part = part;
    found.at = part.table.find(field.bytes, field.start, field.end);
    return found;
  }

  /** The field's part and position; one that has expired is removed first. The key's own expiry is seen to already. */
  private fieldForWrite(key: Slice, field: Slice): { part: Elements | undefined; at: number } {
    const { part, at } = this.findField(key, field);
    if (part !== undefined && at >= 0 && part.isShown(at) && this.isExpired(key, part, at)) {
      this.removeField(key, field, part, at);
      return this.findField(key, field);
    }
    return part === undefined ? NO_FIELD : found;
  }

  private deadlineAt(key: Slice, part: Elements | undefined, at: number): number {
    if (part === undefined) return NO_DEADLINE;
    const hideAt = this.hideAt(key, part, at);
    return Number.isFinite(hideAt) ? hideAt : NO_DEADLINE;
  }

  private isExpired(key: Slice, part: Elements, at: number): boolean {
    return this.hideAt(key, part, at) <= this.db.state.now;
  }

  private hideAt(key: Slice, part: Elements, at: number): UnixMs {
    const { table } = part;
    const reference = table.referenceAt(at);
    if ((table.flags(reference) & FLAG_DEADLINE) === 0) return Number.POSITIVE_INFINITY;
    const body: Body | undefined = this.db.keyspace.bodies.findBody(key);
    const start = table.keyStart(reference);
    return (
      body?.fieldDeadlines?.hideAt(table.bufferOf(reference), start, start + table.keyLength(reference)) ??
      Number.POSITIVE_INFINITY
    );
  }
}

/** Answers of fieldForWrite: one reused object, so that HSET allocates none. */
const found: { part: Elements | undefined; at: number } = { part: undefined, at: -1 };
const NO_FIELD: { part: Elements | undefined; at: number } = { part: undefined, at: -1 };
