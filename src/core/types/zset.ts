/**
 * Sorted sets: membership add-wins, a score is a register that is also a counter: of concurrent ZADDs the later shows,
 * ZINCRBYs add up on top of it, and a ZADD or removal cancels the additions that it observed. An infinity takes no
 * additions: ZINCRBY of or by one writes the score.
 */
import { KeyType, type ZsetOperations } from '../contract.ts';
import { type DatabaseView, pickEvenly } from '../database.ts';
import { dropElement, elementCancels, raiseElement, writeElement, ZSET_MEMBER } from '../element-writes.ts';
import type { Elements } from '../elements.ts';
import { incrementAmount, spellScore } from '../score.ts';
import { Slice } from '../slice.ts';
import { Op } from '../txn.ts';
import { orderOf, scoreAt } from './member-order.ts';

const WALK_END = 2 ** 32;
const text = new Slice();

export class ZsetType implements ZsetOperations {
  private readonly db: DatabaseView;

  constructor(db: DatabaseView) {
    this.db = db;
  }

  size(key: Slice): number {
    return this.db.partForRead(key, KeyType.zset)?.size ?? 0;
  }

  score(key: Slice, member: Slice): number {
    const part = this.db.partForRead(key, KeyType.zset);
    if (part === undefined) return Number.NaN;
    return scoreAt(part, part.table.find(member.bytes, member.start, member.end));
  }

  assign(key: Slice, member: Slice, score: number): boolean {
    return this.assignInPlain(key, member, score) ?? this.assignInAny(key, member, score);
  }

  assignInPlain(key: Slice, member: Slice, score: number): boolean | undefined {
    const { db } = this;
    const found = db.findForWrite(key);
    const plain = found < 0 ? undefined : db.keyspace.bodies.plainPart(found, KeyType.zset);
    if (plain === undefined) return undefined;
    const at = plain.table.find(member.bytes, member.start, member.end);
    const created = at < 0 || !plain.isShown(at);
    const cancels = elementCancels(plain, at);
    const value = spellScore(score, text);
    const writer = db.txn.begin();
    writer.op(Op.zsetAssign, db.index, key, cancels);
    writer.run(member);
    writer.run(value);
    db.keyspace.zsetAssignTo(plain, at, key, member, value, cancels);
    return created;
  }

  /** The general way: the key may be absent, of another type beside, or have a time to live. */
  private assignInAny(key: Slice, member: Slice, score: number): boolean {
    const { db } = this;
    const place = db.prepareWrite(key, KeyType.zset);
    const hideAt = db.deadlineToExtend(place, key);
    const part = this.partOf(key);
    const at = part?.table.find(member.bytes, member.start, member.end) ?? -1;
    const created = part === undefined || at < 0 || !part.isShown(at);
    writeElement(db, ZSET_MEMBER, key, member, spellScore(score, text), part, at);
    db.extendDeadline(key, hideAt);
    return created;
  }

  addScore(key: Slice, member: Slice, delta: number): number {
    return this.addInPlain(key, member, delta) ?? this.addInAny(key, member, delta);
  }

  /** The hot path of ZINCRBY: as of ZADD, and all is finite. */
  private addInPlain(key: Slice, member: Slice, delta: number): number | undefined {
    const { db } = this;
    const found = db.findForWrite(key);
    const plain = found < 0 ? undefined : db.keyspace.bodies.plainPart(found, KeyType.zset);
    if (plain === undefined || !Number.isFinite(delta)) return undefined;
    const { table } = plain;
    const at = table.find(member.bytes, member.start, member.end);
    if (at >= 0 && plain.isShown(at) && !Number.isFinite(scoreAt(plain, at))) return undefined;
    raiseElement(db, ZSET_MEMBER, key, member, incrementAmount(delta), plain, at);
    return scoreAt(plain, table.find(member.bytes, member.start, member.end));
  }

  /** The general way: the key may be absent, of another type beside, or have a time to live. */
  private addInAny(key: Slice, member: Slice, delta: number): number {
    const { db } = this;
    if (Number.isNaN(this.scoreForWrite(key, member) + delta)) return Number.NaN;
    const place = db.prepareWrite(key, KeyType.zset);
    // what hid under the key in another type may have taken the member along
    const current = this.scoreForWrite(key, member);
    if (!Number.isFinite(current) || !Number.isFinite(delta)) {
      this.assign(key, member, current + delta);
      return current + delta;
    }
    const hideAt = db.deadlineToExtend(place, key);
    const before = this.partOf(key);
    const at = before?.table.find(member.bytes, member.start, member.end) ?? -1;
    raiseElement(db, ZSET_MEMBER, key, member, incrementAmount(delta), before, at);
    db.extendDeadline(key, hideAt);
    return this.scoreForWrite(key, member);
  }

  /** The score that an addition starts from. */
  private scoreForWrite(key: Slice, member: Slice): number {
    const part = this.db.findForWrite(key) < 0 ? undefined : this.partOf(key);
    if (part === undefined) return 0;
    const at = part.findShown(member.bytes, member.start, member.end);
    return at < 0 ? 0 : scoreAt(part, at);
  }

  remove(key: Slice, member: Slice): boolean {
    const { db } = this;
    const part = db.findForWrite(key) < 0 ? undefined : this.partOf(key);
    const at = part?.findShown(member.bytes, member.start, member.end) ?? -1;
    if (part === undefined || at < 0) return false;
    this.removeMember(key, member, part, at);
    return true;
  }

  /** The removal of the member at `at`, as an effect. */
  removeMember(key: Slice, member: Slice, part: Elements, at: number): void {
    dropElement(this.db, ZSET_MEMBER, key, member, part, at);
  }

  // --- in order

  rank(key: Slice, member: Slice): number {
    const part = this.db.partForRead(key, KeyType.zset);
    const at = part?.findShown(member.bytes, member.start, member.end) ?? -1;
    if (part === undefined || at < 0) return -1;
    const order = orderOf(part);
    const score = order.scoreAt(at);
    const reference = part.table.referenceAt(at);
    const rank = order.ranking().rank(score, reference);
    if (rank >= 0) return rank;
    order.forget();
    return order.ranking().rank(score, reference);
  }

  range(key: Slice, from: number, count: number, step: 1 | -1, visit: (member: Slice, score: number) => void): void {
    const part = this.db.partForRead(key, KeyType.zset);
    if (part === undefined) return;
    const member = new Slice();
    orderOf(part)
      .ranking()
      .walk(from, count, step, (reference, score) => visit(part.table.fillKey(reference, member), score));
  }

  countBelow(key: Slice, score: number, orEqual: boolean): number {
    const part = this.db.partForRead(key, KeyType.zset);
    return part === undefined ? 0 : orderOf(part).ranking().countBelow(score, orEqual);
  }

  countBefore(key: Slice, member: Slice, orEqual: boolean): number {
    const part = this.db.partForRead(key, KeyType.zset);
    if (part === undefined) return 0;
    return orderOf(part).ranking().countBefore(member.bytes, member.start, member.end, orEqual);
  }

  // --- in no order

  forEach(key: Slice, visit: (member: Slice, score: number) => void): void {
    this.scan(key, 0, Number.POSITIVE_INFINITY, visit);
  }

  scan(key: Slice, cursor: number, count: number, visit: (member: Slice, score: number) => void): number {
    const part = this.db.partForRead(key, KeyType.zset);
    if (part === undefined || cursor >= WALK_END) return 0;
    const member = new Slice();
    const next = part.table.walk(cursor, count, (at) => {
      if (part.isShown(at)) visit(part.table.fillKey(part.table.referenceAt(at), member), scoreAt(part, at));
    });
    return next >= WALK_END ? 0 : next;
  }

  random(key: Slice, random: () => number, member: Slice): number {
    const part = this.db.partForRead(key, KeyType.zset);
    if (part === undefined) return Number.NaN;
    const at = pickEvenly(part, random, (place) => part.isShown(place));
    if (at < 0) return Number.NaN;
    part.table.fillKey(part.table.referenceAt(at), member);
    return scoreAt(part, at);
  }

  private partOf(key: Slice): Elements | undefined {
    const { bodies } = this.db.keyspace;
    const body = bodies.findBody(key);
    return body === undefined ? undefined : bodies.partOf(body, KeyType.zset);
  }
}
