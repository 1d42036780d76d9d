/**
 * Strings and counters: a register whose later write wins, and whose INCRs are effects that add up. A write cancels
 * the additions that it observed; those it did not see stay on top (Redis Software's and xredis-crdt's rule).
 */

import { type Amount, asDecimal, parseAmount, plus } from '../amount.ts';
import { type Cancel, cancelsOf, shownValue } from '../cell.ts';
import { type IncrementRefusal, type Integer, KeyType, type StringOperations } from '../contract.ts';
import type { DatabaseView } from '../database.ts';
import { type Decimal, isInfinity } from '../decimal.ts';
import { type Elements, NO_CANCELS } from '../elements.ts';
import { addIntegers, parseInteger } from '../integer.ts';
import type { Slice } from '../slice.ts';
import { BODY, FLAG_DEADLINE, SIMPLE, TALLY } from '../state.ts';
import { Op } from '../txn.ts';

const WRONG_TYPE = -2;

export class StringType implements StringOperations {
  private readonly db: DatabaseView;

  constructor(db: DatabaseView) {
    this.db = db;
  }

  read(key: Slice, out: Slice): KeyType {
    const { db } = this;
    const at = db.findLive(key);
    if (at < 0) return KeyType.none;
    const { keys } = db.keyspace;
    if (keys.table.kind(keys.table.referenceAt(at)) !== BODY) {
      keys.fill(at, out);
      return KeyType.string;
    }
    const type = db.keyspace.bodies.typeAt(at);
    const part = type === KeyType.string ? db.partForRead(key, type) : undefined;
    if (part !== undefined) part.fill(part.table.find(key.bytes, 0, 0), out);
    return type;
  }

  write(key: Slice, value: Slice, deadline: number): void {
    const { db } = this;
    const { keyspace } = db;
    const { keys } = keyspace;
    let at = db.findForWrite(key);
    const newDeadline = db.resolveDeadline(deadline, at, key);
    if (at >= 0 && keys.table.kind(keys.table.referenceAt(at)) === BODY) {
      db.clearKey(key, 0);
      at = keys.table.find(key.bytes, key.start, key.end);
    }
    // a key that shows nothing may still have an entry: cancelled counters that wait for stability
    if (at < 0) at = keys.table.find(key.bytes, key.start, key.end);
    const cancels = at < 0 || keys.isSimple(at) ? NO_CANCELS : this.cancelsAt(key, at);
    const writer = db.txn.begin();
    writer.op(Op.stringAssign, db.index, key, cancels);
    writer.run(value);
    keyspace.stringAssignAt(at, key, value, cancels);
    if (newDeadline >= 0) db.expireAt(key, newDeadline);
  }

  private cancelsAt(key: Slice, at: number): readonly Cancel[] {
    const place = this.stringPlace(key, at);
    return place === undefined ? NO_CANCELS : cancelsOf(place.elements.cellAt(place.at));
  }

  /** Where the string under a key stands whose entry is at `at`: there, or in the key's body. */
  private stringPlace(key: Slice, at: number): { elements: Elements; at: number } | undefined {
    const { keyspace } = this.db;
    const body = keyspace.bodies.bodyAt(at);
    if (body === undefined) return { elements: keyspace.keys, at };
    const part = keyspace.bodies.partOf(body, KeyType.string);
    return part === undefined ? undefined : { elements: part, at: part.table.find(key.bytes, 0, 0) };
  }

  addInteger(key: Slice, delta: Integer): Integer | IncrementRefusal {
    const at = this.counterPosition(key);
    if (at === WRONG_TYPE) return 'WRONG_TYPE';
    const raised = at >= 0 && typeof delta === 'number' ? this.raiseOwn(key, at, delta) : undefined;
    if (raised !== undefined) return raised;
    const current = at < 0 ? 0 : this.shownAt(key, at, shownInteger);
    if (current === undefined) return 'NOT_AN_INTEGER';
    const total = addIntegers(current, delta);
    if (total === undefined) return 'OVERFLOW';
    return this.add(key, at, delta) ? total : delta;
  }

  /**
   * The hot path of INCR: under the key stands what this replica has added in one frame, nothing else, and no time to
   * live. The new value; undefined: the general way.
   */
  private raiseOwn(key: Slice, at: number, delta: number): number | undefined {
    const { index, keyspace, state, txn } = this.db;
    const { keys } = keyspace;
    const { table } = keys;
    const reference = table.referenceAt(at);
    if (table.kind(reference) !== TALLY || table.replica(reference) !== state.self) return undefined;
    if ((table.flags(reference) & FLAG_DEADLINE) !== 0) return undefined;
    const sum = keys.tallySum(reference) + delta;
    if (!Number.isSafeInteger(sum)) return undefined;
    const writer = txn.begin();
    writer.op(Op.stringAdd, index, key, NO_CANCELS);
    writer.addition(keys.frameOf(reference), sum, delta);
    keys.replaceTally(at, sum);
    state.touched(index, key.bytes, key.start, key.end);
    return sum;
  }

  addDecimal(key: Slice, delta: Decimal): Decimal | IncrementRefusal {
    const at = this.counterPosition(key);
    if (at === WRONG_TYPE) return 'WRONG_TYPE';
    const current = at < 0 ? 0 : this.shownAt(key, at, shownAmount);
    if (typeof current === 'string') return current;
    const total = asDecimal(plus(current, delta));
    if (!total.isFinite()) return 'NOT_FINITE';
    return this.add(key, at, delta) ? total : delta;
  }

  /** The key's position; −1 if it shows nothing, WRONG_TYPE if no string. Changes nothing: the addition may be refused. */
  private counterPosition(key: Slice): number {
    const { db } = this;
    const at = db.findForWrite(key);
    if (at < 0) return -1;
    const { keys } = db.keyspace;
    if (keys.table.kind(keys.table.referenceAt(at)) !== BODY) return at;
    return db.keyspace.bodies.typeAt(at) === KeyType.string ? at : WRONG_TYPE;
  }

  /** The key's position once the other types that hide under it are removed. */
  private withoutOthers(key: Slice, at: number): number {
    const { db } = this;
    const { keys } = db.keyspace;
    if (at < 0 || keys.table.kind(keys.table.referenceAt(at)) !== BODY) return at;
    db.clearKey(key, KeyType.string);
    return db.findForWrite(key);
  }

  private shownAt<T>(key: Slice, at: number, read: (elements: Elements, at: number) => T): T | 0 {
    const { keys } = this.db.keyspace;
    if (keys.table.kind(keys.table.referenceAt(at)) !== BODY) return read(keys, at);
    const place = this.stringPlace(key, at);
    return place === undefined ? 0 : read(place.elements, place.at);
  }

  /** False if the key begins afresh, absent or alive only for what hid under it in another type. */
  private add(key: Slice, found: number, delta: Amount): boolean {
    const { db } = this;
    const { keyspace, state } = db;
    const at = this.withoutOthers(key, found);
    const hideAt = db.deadlineToExtend(at, key);
    const place = at >= 0 ? at : keyspace.keys.table.find(key.bytes, key.start, key.end);
    const writer = db.txn.begin();
    let frame = state.stamp;
    let sum = delta;
    if (place >= 0) {
      const { keys } = keyspace;
      const plain = keys.table.kind(keys.table.referenceAt(place)) !== BODY;
      const within = plain ? undefined : this.stringPlace(key, place);
      const elements = plain ? keys : within?.elements;
      const own = elements === undefined ? 0 : elements.ownFrame(within?.at ?? place);
      if (own !== 0 && elements !== undefined) {
        frame = own;
        sum = plus(elements.ownSum(within?.at ?? place), delta);
      }
    }
    writer.op(Op.stringAdd, db.index, key, NO_CANCELS);
    writer.addition(frame, sum, delta);
    keyspace.stringAddAt(place, key, frame, sum, delta);
    db.extendDeadline(key, hideAt);
    return at >= 0;
  }
}

/** The value as Redis's INCR reads it; undefined if it is not a 64-bit integer. */
export function shownInteger(elements: Elements, at: number): Integer | undefined {
  const { table } = elements;
  const reference = table.referenceAt(at);
  const kind = table.kind(reference);
  if (kind === TALLY) return elements.tallySum(reference);
  if (kind === SIMPLE) {
    const start = table.payloadStart(reference);
    return parseInteger(table.bufferOf(reference), start, start + table.payloadLength(reference));
  }
  const shown = shownValue(elements.cellAt(at), elements.state.replicas);
  return shown === undefined ? 0 : parseInteger(shown, 0, shown.length);
}

/** The value as INCRBYFLOAT reads it, or why it cannot: an infinity is a number to Redis, of which no sum is one. */
export function shownAmount(elements: Elements, at: number): Amount | 'NOT_A_FLOAT' | 'NOT_FINITE' {
  const shown = shownValue(elements.cellAt(at), elements.state.replicas);
  if (shown === undefined) return 0;
  const amount = parseAmount(shown, 0, shown.length);
  if (amount !== undefined) return amount;
  return isInfinity(shown.toString('latin1')) ? 'NOT_FINITE' : 'NOT_A_FLOAT';
}
