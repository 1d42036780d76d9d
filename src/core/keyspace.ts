/**
 * The keyspace of one database: which key holds what, and the effects on it, as every replica applies them. A
 * string lives in the key's own entry of the byte table; a key of another type, or of several types written
 * concurrently, has a body: one Elements a type. Of several types the one written last shows, everywhere alike.
 *
 * Everything here applies the txn that `state` names (origin, stamp, context): the same code for local and remote
 * txns. database.ts, on top, is what commands see: it prepares effects, writes them to the open txn, applies them.
 */
import type { Amount } from './amount.ts';
import { Bodies, type Body } from './bodies.ts';
import type { Cancel } from './cell.ts';
import type { Stamp, UnixMs } from './contract.ts';
import { KeyType } from './contract.ts';
import { Deadlines, withoutCovered } from './deadlines.ts';
import { addToElement, assignAt, assignElement, removeElement } from './element-effects.ts';
import { Elements, NO_CANCELS } from './elements.ts';
import { KeyDeadlines } from './key-deadlines.ts';
import { Slice } from './slice.ts';
import { BODY, FLAG_DEADLINE, FLAG_DIRTY, FLAG_HIDDEN, type State } from './state.ts';
import { addStreamEntry, clearStreamGroup, deliverStreamEntries, trimStream } from './stream-effects.ts';
import type { EffectTarget } from './txn.ts';
import { type ListEnd, PositionWriter } from './types/position.ts';

/** What a body takes on the heap, in objects and a small index: measured, about. */
export const BODY_BYTES = 1200;
/** Of a place in a table's index. */
const PLACE_BYTES = 8;

export class Keyspace implements EffectTarget {
  readonly state: State;
  readonly index: number;
  /** The database's own table: keys. Strings are its elements. */
  readonly keys: Elements;
  readonly bodies: Bodies;
  readonly expiry: KeyDeadlines;
  private clearing = false;
  private readonly position = new Slice();

  constructor(state: State, index: number) {
    this.state = state;
    this.index = index;
    this.keys = new Elements(state, index, KeyType.string, null);
    this.bodies = new Bodies(state, index, this.keys);
    this.expiry = new KeyDeadlines(state, index, this.keys, this.bodies);
  }

  /** What its data takes beside the arena, about. */
  get bytesBeside(): number {
    const places = this.keys.table.positions + this.expiry.deadlines.table.positions;
    return places * PLACE_BYTES + this.bodies.count * BODY_BYTES;
  }

  // --- effects, as every replica applies them

  stringAssign(key: Slice, value: Slice, cancels: readonly Cancel[]): void {
    this.stringAssignAt(this.keys.table.find(key.bytes, key.start, key.end), key, value, cancels);
  }

  /** The hot path of SET: `at` is where find() saw the key, or −1. */
  stringAssignAt(at: number, key: Slice, value: Slice, cancels: readonly Cancel[]): void {
    const { keys } = this;
    if (at >= 0 && keys.table.kind(keys.table.referenceAt(at)) === BODY) {
      const part = this.bodies.ensurePart(this.bodies.bodyOf(at), KeyType.string);
      part.assign(part.table.find(key.bytes, 0, 0), key.bytes, 0, 0, value.bytes, value.start, value.end, cancels);
      this.expiry.dropCoveredDeadlines(key);
      this.settle(key);
    } else {
      keys.assign(at, key.bytes, key.start, key.end, value.bytes, value.start, value.end, cancels);
      if (at >= 0 && this.expiry.hasDeadline(at)) this.expiry.dropCoveredDeadlines(key);
    }
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  stringAdd(key: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    this.stringAddAt(this.keys.table.find(key.bytes, key.start, key.end), key, frame, sum, delta);
  }

  stringAddAt(at: number, key: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    const { keys } = this;
    if (at >= 0 && keys.table.kind(keys.table.referenceAt(at)) === BODY) {
      const part = this.bodies.ensurePart(this.bodies.bodyOf(at), KeyType.string);
      part.add(part.table.find(key.bytes, 0, 0), key.bytes, 0, 0, frame, sum, delta);
      this.settle(key);
    } else {
      keys.add(at, key.bytes, key.start, key.end, frame, sum, delta);
      if (at >= 0 && this.expiry.hasDeadline(at)) this.expiry.refreshDeadlines(key);
    }
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  keyClear(key: Slice, keep: number, cancels: readonly Cancel[]): void {
    const { keys } = this;
    const at = keys.table.find(key.bytes, key.start, key.end);
    if (at < 0) {
      this.state.missed(key.bytes, key.start, key.end);
      return;
    }
    const flagged = this.expiry.hasDeadline(at);
    const body = this.bodies.bodyAt(at);
    if (body === undefined) {
      if (keep !== KeyType.string) keys.clearAt(at, cancels);
    } else {
      for (const part of body.parts) {
        if (part.type !== keep) clearPart(part, part.type === KeyType.string ? cancels : NO_CANCELS);
      }
      if (keep !== KeyType.hash) this.expiry.refreshAllFieldDeadlines(body);
    }
    if (flagged && keep === 0) this.expiry.dropCoveredDeadlines(key);
    if (body !== undefined) this.settle(key);
    else if (flagged && keep !== 0) this.expiry.refreshDeadlines(key);
    this.shrinkKeys();
    const gone = keep === 0 && this.state.watches.size > 0 && keys.table.find(key.bytes, key.start, key.end) < 0;
    this.state.touched(this.index, key.bytes, key.start, key.end, gone);
  }

  /** In the state of all databases: it comes with txns like any effect. */
  retire(replica: number, number: number, stamp: Stamp): void {
    const { retirements, origin, stamp: byStamp } = this.state;
    retirements.add(replica, number, stamp, origin, byStamp);
  }

  keyExpire(key: Slice, deadline: UnixMs, scope: readonly number[]): void {
    const { state } = this;
    const list = withoutCovered(this.expiry.deadlines.list(key.bytes, key.start, key.end), state.context);
    if (!list.some((each) => each.replica === state.origin && each.stamp > state.stamp)) {
      list.push({ replica: state.origin, stamp: state.stamp, deadline, scope: scopeOf(scope, state) });
    }
    this.expiry.putDeadlines(key, list);
    state.touched(this.index, key.bytes, key.start, key.end);
  }

  hashAssign(key: Slice, field: Slice, value: Slice, cancels: readonly Cancel[]): void {
    const plain = this.bodies.findPlainPart(key, KeyType.hash);
    if (plain !== undefined) {
      const at = plain.table.find(field.bytes, field.start, field.end);
      this.hashAssignTo(plain, at, key, field, value, cancels);
      return;
    }
    assignElement(this, KeyType.hash, key, field, value, cancels);
  }

  /** The hot path of HSET: into what plainPart() gave, at the position where find() saw the field. */
  hashAssignTo(part: Elements, at: number, key: Slice, field: Slice, value: Slice, cancels: readonly Cancel[]): void {
    part.assign(at, field.bytes, field.start, field.end, value.bytes, value.start, value.end, cancels);
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  hashAdd(key: Slice, field: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    addToElement(this, KeyType.hash, key, field, frame, sum, delta);
  }

  hashRemove(key: Slice, field: Slice, cancels: readonly Cancel[]): void {
    removeElement(this, KeyType.hash, key, field, cancels);
  }

  fieldExpire(key: Slice, field: Slice, deadline: UnixMs, scope: readonly number[]): void {
    const { state } = this;
    const body = this.bodies.findBody(key);
    if (body === undefined || this.bodies.partOf(body, KeyType.hash) === undefined) {
      state.missed(key.bytes, key.start, key.end);
      return;
    }
    body.fieldDeadlines ??= new Deadlines(state, this.index, body.key);
    const list = withoutCovered(body.fieldDeadlines.list(field.bytes, field.start, field.end), state.context);
    if (!list.some((each) => each.replica === state.origin && each.stamp > state.stamp)) {
      list.push({ replica: state.origin, stamp: state.stamp, deadline, scope: scopeOf(scope, state) });
    }
    this.expiry.putFieldDeadlines(body, field, list);
    this.bodies.withFieldDeadlines.set(body.key.toString('latin1'), body);
    state.touched(this.index, key.bytes, key.start, key.end);
  }

  setAdd(key: Slice, member: Slice): void {
    const plain = this.bodies.findPlainPart(key, KeyType.set);
    if (plain !== undefined) {
      this.setAddTo(plain, plain.table.find(member.bytes, member.start, member.end), key, member);
      return;
    }
    assignElement(this, KeyType.set, key, member, NOTHING, NO_CANCELS);
  }

  /** The hot path of SADD: into what plainPart() gave, at the position where find() saw the member. */
  setAddTo(part: Elements, at: number, key: Slice, member: Slice): void {
    const shown = at >= 0 && part.isShown(at);
    part.assign(at, member.bytes, member.start, member.end, member.bytes, 0, 0, NO_CANCELS);
    if (shown) this.state.statistics.changes++;
    else this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  setRemove(key: Slice, member: Slice): void {
    removeElement(this, KeyType.set, key, member, NO_CANCELS);
  }

  zsetAssign(key: Slice, member: Slice, score: Slice, cancels: readonly Cancel[]): void {
    const plain = this.bodies.findPlainPart(key, KeyType.zset);
    if (plain !== undefined) {
      const at = plain.table.find(member.bytes, member.start, member.end);
      this.zsetAssignTo(plain, at, key, member, score, cancels);
    } else assignElement(this, KeyType.zset, key, member, score, cancels);
  }

  /** The hot path of ZADD: into what plainPart() gave, at the position where find() saw the member. */
  zsetAssignTo(part: Elements, at: number, key: Slice, member: Slice, score: Slice, cancels: readonly Cancel[]): void {
    if (assignAt(part, at, member, score, cancels)) this.state.statistics.changes++;
    else this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  zsetAdd(key: Slice, member: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    addToElement(this, KeyType.zset, key, member, frame, sum, delta);
  }

  zsetRemove(key: Slice, member: Slice, cancels: readonly Cancel[]): void {
    removeElement(this, KeyType.zset, key, member, cancels);
  }

  listPush(key: Slice, end: ListEnd, count: number, value: Slice): void {
    const plain = this.bodies.findPlainPart(key, KeyType.list);
    if (plain !== undefined) this.listPushTo(plain, key, end, count, value, false);
    else assignElement(this, KeyType.list, key, this.pushed(end, count), value, NO_CANCELS);
  }

  /** The hot path of LPUSH and RPUSH: into what plainPart() gave. `isNew`: here, and now, the position has come about. */
  listPushTo(part: Elements, key: Slice, end: ListEnd, count: number, value: Slice, isNew: boolean): void {
    const { bytes, start, end: stop } = this.pushed(end, count);
    const at = isNew ? -1 : part.table.find(bytes, start, stop);
    part.assign(at, bytes, start, stop, value.bytes, value.start, value.end, NO_CANCELS);
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  /** The position of the count-th element that the txn of `state` adds. Valid until the next one. */
  private pushed(end: ListEnd, count: number): Slice {
    const { state, position } = this;
    positions.reset().dot(end, state.stamp, state.replicas.bytes[state.origin], count);
    return positions.into(position);
  }

  listAssign(key: Slice, position: Slice, value: Slice, cancels: readonly Cancel[]): void {
    assignElement(this, KeyType.list, key, position, value, cancels);
  }

  listRemove(key: Slice, position: Slice, cancels: readonly Cancel[]): void {
    const plain = this.bodies.findPlainPart(key, KeyType.list);
    const at = plain?.table.find(position.bytes, position.start, position.end) ?? -1;
    if (plain !== undefined && at >= 0) this.listRemoveFrom(plain, at, key);
    else removeElement(this, KeyType.list, key, position, cancels);
  }

  /** The hot path of pops: from what plainPart() gave. */
  listRemoveFrom(part: Elements, at: number, key: Slice): void {
    part.clearAt(at, NO_CANCELS);
    if (part.table.count * 16 < part.table.positions) part.table.shrink();
    if (part.size === 0) this.settle(key);
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  streamAdd(key: Slice, id: Slice, fields: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    addStreamEntry(this, key, id, fields, frame, sum, delta);
  }

  streamAssign(key: Slice, name: Slice, value: Slice, cancels: readonly Cancel[]): void {
    assignElement(this, KeyType.stream, key, name, value, cancels);
  }

  streamRemove(key: Slice, name: Slice, cancels: readonly Cancel[]): void {
    removeElement(this, KeyType.stream, key, name, cancels);
  }

  streamTrim(key: Slice, last: Slice): void {
    trimStream(this, key, last);
  }

  streamDeliver(key: Slice, delivery: Slice): void {
    deliverStreamEntries(this, key, delivery);
  }

  streamGroupClear(key: Slice, group: Slice): void {
    clearStreamGroup(this, key, group);
  }

  databaseClear(): void {
    const { table } = this.keys;
    const key = new Slice();
    if (this.state.damaged.size > 0) this.state.written.fill(0xff);
    this.clearing = true;
    for (let at = table.positions - 1; at >= 0; at--) {
      const reference = table.referenceAt(at);
      if (reference === 0) continue;
      // a copy: the entry may go while its key is still in use
      const bytes = table.fillKey(reference, key).copy();
      this.keyClear(key.set(bytes, 0, bytes.length), 0, NO_CANCELS);
    }
    this.clearing = false;
    table.shrink();
    this.expiry.deadlines.table.shrink();
  }

  stringPrune(key: Slice, dots: readonly number[], cancels: readonly Cancel[]): void {
    const { keys } = this;
    const at = keys.table.find(key.bytes, key.start, key.end);
    if (at < 0) return;
    const body = this.bodies.bodyAt(at);
    const elements = body === undefined ? keys : this.bodies.partOf(body, KeyType.string);
    if (elements === undefined) return;
    const place = body === undefined ? at : elements.table.find(key.bytes, 0, 0);
    if (place < 0) return;
    const context: number[] = [];
    for (let i = 0; i < dots.length; i += 2) {
      while (context.length <= dots[i]) context.push(0);
      context[dots[i]] = dots[i + 1];
    }
    const { state } = this;
    const full = state.context;
    state.context = context;
    elements.clearAt(place, cancels);
    state.context = full;
    if (body !== undefined) this.settle(key);
    else this.expiry.refreshDeadlines(key);
    state.touched(this.index, key.bytes, key.start, key.end);
  }

  // --- what follows from a change

  /** After a change inside a body: cheap while one part is left and shows something. */
  changed(key: Slice, body: Body, unseen = false): void {
    const only = body.parts[0];
    if (body.parts.length > 1 || only.size === 0 || only.type === KeyType.string) {
      this.settle(key);
    } else {
      const at = this.keys.table.find(key.bytes, key.start, key.end);
      const { table } = this.keys;
      const reference = table.referenceAt(at);
      const flags = table.flags(reference);
      if ((flags & FLAG_HIDDEN) !== 0) {
        table.setFlags(reference, flags & ~FLAG_HIDDEN);
        this.keys.hidden--;
      }
      if ((flags & FLAG_DEADLINE) !== 0) this.expiry.refreshDeadlines(key);
    }
    if (unseen) this.state.statistics.changes++;
    else this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  /** Brings a key with a body into its smallest form: drops empty parts, an empty body, or goes back to a plain string. */
  settle(key: Slice): void {
    const { keys } = this;
    const { table } = keys;
    const at = table.find(key.bytes, key.start, key.end);
    if (at < 0) return;
    const body = this.bodies.bodyAt(at);
    if (body === undefined) return;
    for (let i = body.parts.length - 1; i >= 0; i--) {
      const { table: elements, type } = body.parts[i];
      if (elements.count > 0) continue;
      body.parts.splice(i, 1);
      // a merge may take a hash from beside another type: then nobody looks at its fields any more
      if (type === KeyType.hash) body.fieldDeadlines?.clear();
    }
    if (body.parts.length === 0) {
      this.dropBody(at, body, key);
      return;
    }
    if (body.parts.length === 1 && body.parts[0].type === KeyType.string) {
      this.unwrapString(at, body, key);
      return;
    }
    const shown = body.parts.some((part) => part.size > 0);
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    if (shown === ((flags & FLAG_HIDDEN) !== 0)) {
      table.setFlags(reference, shown ? flags & ~FLAG_HIDDEN : flags | FLAG_HIDDEN);
      keys.hidden += shown ? -1 : 1;
    }
    if ((flags & FLAG_DEADLINE) !== 0) this.expiry.refreshDeadlines(key);
    if (this.state.context !== null && body.parts.length > 1) this.bodies.noteTypeConflict(body);
  }

  private dropBody(at: number, body: Body, key: Slice): void {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    if ((table.flags(reference) & FLAG_DEADLINE) !== 0) this.expiry.deadlines.put(key.bytes, key.start, key.end, [], 0);
    if ((table.flags(reference) & FLAG_HIDDEN) !== 0) this.keys.hidden--;
    this.bodies.releaseBody(at, body);
    table.removeAt(at);
    this.shrinkKeys();
  }

  /** Not while a walk over the table removes keys. */
  private shrinkKeys(): void {
    const { table } = this.keys;
    if (!this.clearing && table.count * 16 < table.positions) table.shrink();
  }

  private unwrapString(at: number, body: Body, key: Slice): void {
    const { keys } = this;
    const [part] = body.parts;
    const place = part.table.find(key.bytes, 0, 0);
    const cell = part.cellAt(place);
    const reference = part.table.referenceAt(place);
    if ((part.table.flags(reference) & FLAG_DIRTY) !== 0) {
      part.spell(reference);
      this.state.carryDirty();
    }
    part.terms.account(reference, false);
    part.table.clear();
    this.bodies.releaseBody(at, body);
    keys.blankAt(at);
    keys.store(at, cell, true);
    if (this.expiry.hasDeadline(at)) this.expiry.refreshDeadlines(key);
  }
}

const NOTHING = new Slice();
const positions = new PositionWriter();

function clearPart(part: Elements, cancels: readonly Cancel[]): void {
  part.order?.forget();
  for (let at = part.table.positions - 1; at >= 0; at--) {
    if (part.table.referenceAt(at) !== 0) part.clearAt(at, cancels);
  }
  part.table.shrink();
}

/** An empty scope on the wire means: what this very txn writes. */
function scopeOf(scope: readonly number[], state: State): number[] {
  return scope.length === 0 ? [state.origin, state.stamp] : [...scope];
}
