/**
 * The keyspace of one database: which key holds what, and the effects on it, as every replica applies them. A
 * string lives in the key's own entry of the byte table; a key of another type, or of several types written
 * concurrently, has a body: one Elements a type. Of several types the one written last shows, everywhere alike.
 *
 * Everything here applies the txn that `state` names (origin, stamp, context): the same code for local and remote
 * txns. database.ts, on top, is what commands see: it prepares effects, writes them to the open txn, applies them.
 */
import type { Amount } from './amount.ts';
import { type Cancel, type Cell, latestDot } from './cell.ts';
import type { Stamp, UnixMs } from './contract.ts';
import { KeyType } from './contract.ts';
import {
  cellHideAt,
  type Deadline,
  Deadlines,
  dotHideAt,
  governs,
  governsAll,
  governsCell,
  withoutCovered,
} from './deadlines.ts';
import { BODY, Elements, NO_CANCELS, SIMPLE } from './elements.ts';
import { keySlot } from './hash.ts';
import { Slice } from './slice.ts';
import { FLAG_DEADLINE, FLAG_HIDDEN, type State } from './state.ts';
import type { EffectTarget } from './txn.ts';

/** What stands under a key that is not a plain string. */
export interface Body {
  readonly key: Buffer;
  readonly parts: Elements[];
  /** Deadlines of hash fields, once there are any. */
  fieldDeadlines: Deadlines | null;
}

export class Keyspace implements EffectTarget {
  readonly state: State;
  readonly index: number;
  /** The database's own table: keys. Strings are its elements. */
  readonly keys: Elements;
  readonly deadlines: Deadlines;
  /** Keys whose bodies have field deadlines, for the collection of expired fields. */
  readonly withFieldDeadlines = new Map<string, Body>();
  private readonly bodies: (Body | undefined)[] = [];
  private readonly freeBodies: number[] = [];
  private clearing = false;

  constructor(state: State, index: number) {
    this.state = state;
    this.index = index;
    this.keys = new Elements(state, index, KeyType.string, null);
    this.deadlines = new Deadlines(state, index, null);
  }

  // --- looking

  bodyAt(at: number): Body | undefined {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    if (table.kind(reference) !== BODY) return undefined;
    return this.bodies[table.viewOf(reference).getUint32(table.payloadStart(reference), true)];
  }

  /**
   * The elements under a key that is of this one type, shows, and has no times to live, on itself or on fields: what
   * the hot paths deal with. Undefined: the general way.
   */
  plainPart(at: number, type: KeyType): Elements | undefined {
    const { table } = this.keys;
    if ((table.flags(table.referenceAt(at)) & (FLAG_HIDDEN | FLAG_DEADLINE)) !== 0) return undefined;
    const body = this.bodyAt(at);
    if (body === undefined || body.parts.length !== 1 || body.fieldDeadlines !== null) return undefined;
    return body.parts[0].type === type ? body.parts[0] : undefined;
  }

  private findPlainPart(key: Slice, type: KeyType): Elements | undefined {
    const at = this.keys.table.find(key.bytes, key.start, key.end);
    return at < 0 ? undefined : this.plainPart(at, type);
  }

  /** The type that shows at a position that is shown. */
  typeAt(at: number): KeyType {
    const body = this.bodyAt(at);
    return body === undefined ? KeyType.string : this.visibleType(body);
  }

  partOf(body: Body, type: KeyType): Elements | undefined {
    for (const part of body.parts) if (part.type === type) return part;
    return undefined;
  }

  visibleType(body: Body): KeyType {
    const [only] = body.parts;
    if (body.parts.length === 1 && only.size > 0) return only.type;
    const shown = body.parts.filter((part) => part.size > 0);
    if (shown.length === 1) return shown[0].type;
    let best: { type: KeyType; stamp: Stamp; replica: number } | undefined;
    for (const part of shown) {
      for (let at = 0; at < part.table.positions; at++) {
        if (!part.isShown(at)) continue;
        const dot = latestDot(part.cellAt(at), this.state.replicas);
        if (dot === undefined) continue;
        if (best === undefined || this.state.replicas.later(dot.stamp, dot.replica, best.stamp, best.replica)) {
          best = { type: part.type, stamp: dot.stamp, replica: dot.replica };
        }
      }
    }
    return best?.type ?? KeyType.none;
  }

  hasDeadline(at: number): boolean {
    const { table } = this.keys;
    return (table.flags(table.referenceAt(at)) & FLAG_DEADLINE) !== 0;
  }

  // --- effects, as every replica applies them

  stringAssign(key: Slice, value: Slice, cancels: readonly Cancel[]): void {
    this.stringAssignAt(this.keys.table.find(key.bytes, key.start, key.end), key, value, cancels);
  }

  /** The hot path of SET: `at` is where find() saw the key, or −1. */
  stringAssignAt(at: number, key: Slice, value: Slice, cancels: readonly Cancel[]): void {
    const { keys } = this;
    if (at >= 0 && keys.table.kind(keys.table.referenceAt(at)) === BODY) {
      const part = this.ensurePart(this.bodyOf(at), KeyType.string);
      part.assign(part.table.find(key.bytes, 0, 0), key.bytes, 0, 0, value.bytes, value.start, value.end, cancels);
      this.dropCoveredDeadlines(key);
      this.settle(key);
    } else {
      keys.assign(at, key.bytes, key.start, key.end, value.bytes, value.start, value.end, cancels);
      if (at >= 0 && this.hasDeadline(at)) this.dropCoveredDeadlines(key);
    }
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  stringAdd(key: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    this.stringAddAt(this.keys.table.find(key.bytes, key.start, key.end), key, frame, sum, delta);
  }

  stringAddAt(at: number, key: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    const { keys } = this;
    if (at >= 0 && keys.table.kind(keys.table.referenceAt(at)) === BODY) {
      const part = this.ensurePart(this.bodyOf(at), KeyType.string);
      part.add(part.table.find(key.bytes, 0, 0), key.bytes, 0, 0, frame, sum, delta);
      this.settle(key);
    } else {
      keys.add(at, key.bytes, key.start, key.end, frame, sum, delta);
      if (at >= 0 && this.hasDeadline(at)) this.refreshDeadlines(key);
    }
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  keyClear(key: Slice, keep: number, cancels: readonly Cancel[]): void {
    const { keys } = this;
    const at = keys.table.find(key.bytes, key.start, key.end);
    if (at < 0) return;
    const flagged = this.hasDeadline(at);
    const body = this.bodyAt(at);
    if (body === undefined) {
      if (keep !== KeyType.string) keys.clearAt(at, cancels);
    } else {
      for (const part of body.parts) {
        if (part.type !== keep) clearPart(part, part.type === KeyType.string ? cancels : NO_CANCELS);
      }
      if (keep !== KeyType.hash) this.refreshAllFieldDeadlines(body);
    }
    if (flagged && keep === 0) this.dropCoveredDeadlines(key);
    if (body !== undefined) this.settle(key);
    else if (flagged && keep !== 0) this.refreshDeadlines(key);
    this.shrinkKeys();
    const gone = keep === 0 && this.state.watches.size > 0 && keys.table.find(key.bytes, key.start, key.end) < 0;
    this.state.touched(this.index, key.bytes, key.start, key.end, gone);
  }

  keyExpire(key: Slice, deadline: UnixMs, scope: readonly number[]): void {
    const { state } = this;
    const list = withoutCovered(this.deadlines.list(key.bytes, key.start, key.end), state.context);
    if (!list.some((each) => each.replica === state.origin && each.stamp > state.stamp)) {
      list.push({ replica: state.origin, stamp: state.stamp, deadline, scope: scopeOf(scope, state) });
    }
    this.putDeadlines(key, list);
    state.touched(this.index, key.bytes, key.start, key.end);
  }

  hashAssign(key: Slice, field: Slice, value: Slice, cancels: readonly Cancel[]): void {
    const plain = this.findPlainPart(key, KeyType.hash);
    if (plain !== undefined) {
      const at = plain.table.find(field.bytes, field.start, field.end);
      this.hashAssignTo(plain, at, key, field, value, cancels);
      return;
    }
    const body = this.ensureBody(key);
    const part = this.ensurePart(body, KeyType.hash);
    const at = part.table.find(field.bytes, field.start, field.end);
    part.assign(at, field.bytes, field.start, field.end, value.bytes, value.start, value.end, cancels);
    if (body.fieldDeadlines !== null) this.dropCoveredFieldDeadlines(body, field);
    this.changed(key, body);
  }

  /** The hot path of HSET: into what plainPart() gave, at the position where find() saw the field. */
  hashAssignTo(part: Elements, at: number, key: Slice, field: Slice, value: Slice, cancels: readonly Cancel[]): void {
    part.assign(at, field.bytes, field.start, field.end, value.bytes, value.start, value.end, cancels);
    this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  hashAdd(key: Slice, field: Slice, frame: Stamp, sum: Amount, delta: Amount): void {
    const body = this.ensureBody(key);
    const part = this.ensurePart(body, KeyType.hash);
    part.add(
      part.table.find(field.bytes, field.start, field.end),
      field.bytes,
      field.start,
      field.end,
      frame,
      sum,
      delta,
    );
    if (body.fieldDeadlines !== null) this.refreshFieldDeadlines(body, field);
    this.changed(key, body);
  }

  hashRemove(key: Slice, field: Slice, cancels: readonly Cancel[]): void {
    const body = this.findBody(key);
    const part = body === undefined ? undefined : this.partOf(body, KeyType.hash);
    if (body === undefined || part === undefined) return;
    const at = part.table.find(field.bytes, field.start, field.end);
    if (at < 0) return;
    part.clearAt(at, cancels);
    if (part.table.count * 16 < part.table.positions) part.table.shrink();
    if (body.fieldDeadlines !== null) this.dropCoveredFieldDeadlines(body, field);
    this.changed(key, body);
  }

  fieldExpire(key: Slice, field: Slice, deadline: UnixMs, scope: readonly number[]): void {
    const { state } = this;
    const body = this.findBody(key);
    if (body === undefined || this.partOf(body, KeyType.hash) === undefined) return;
    body.fieldDeadlines ??= new Deadlines(state, this.index, body.key);
    const list = withoutCovered(body.fieldDeadlines.list(field.bytes, field.start, field.end), state.context);
    if (!list.some((each) => each.replica === state.origin && each.stamp > state.stamp)) {
      list.push({ replica: state.origin, stamp: state.stamp, deadline, scope: scopeOf(scope, state) });
    }
    this.putFieldDeadlines(body, field, list);
    this.withFieldDeadlines.set(body.key.toString('latin1'), body);
    state.touched(this.index, key.bytes, key.start, key.end);
  }

  setAdd(key: Slice, member: Slice): void {
    const plain = this.findPlainPart(key, KeyType.set);
    if (plain !== undefined) {
      this.setAddTo(plain, plain.table.find(member.bytes, member.start, member.end), key, member);
      return;
    }
    const body = this.ensureBody(key);
    const part = this.ensurePart(body, KeyType.set);
    const at = part.table.find(member.bytes, member.start, member.end);
    // it is an effect, but who watches the key sees the same set as before
    const unseen = at >= 0 && body.parts.length === 1 && part.isShown(at);
    part.assign(at, member.bytes, member.start, member.end, member.bytes, 0, 0, NO_CANCELS);
    this.changed(key, body, unseen);
  }

  /** The hot path of SADD: into what plainPart() gave, at the position where find() saw the member. */
  setAddTo(part: Elements, at: number, key: Slice, member: Slice): void {
    const shown = at >= 0 && part.isShown(at);
    part.assign(at, member.bytes, member.start, member.end, member.bytes, 0, 0, NO_CANCELS);
    if (shown) this.state.statistics.changes++;
    else this.state.touched(this.index, key.bytes, key.start, key.end);
  }

  setRemove(key: Slice, member: Slice): void {
    const body = this.findBody(key);
    const part = body === undefined ? undefined : this.partOf(body, KeyType.set);
    if (body === undefined || part === undefined) return;
    const at = part.table.find(member.bytes, member.start, member.end);
    if (at < 0) return;
    part.clearAt(at, NO_CANCELS);
    if (part.table.count * 16 < part.table.positions) part.table.shrink();
    this.changed(key, body);
  }

  databaseClear(): void {
    const { table } = this.keys;
    const key = new Slice();
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
    this.deadlines.table.shrink();
  }

  stringPrune(key: Slice, dots: readonly number[], cancels: readonly Cancel[]): void {
    const { keys } = this;
    const at = keys.table.find(key.bytes, key.start, key.end);
    if (at < 0) return;
    const body = this.bodyAt(at);
    const elements = body === undefined ? keys : this.partOf(body, KeyType.string);
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
    else this.refreshDeadlines(key);
    state.touched(this.index, key.bytes, key.start, key.end);
  }

  // --- bodies

  findBody(key: Slice): Body | undefined {
    const at = this.keys.table.find(key.bytes, key.start, key.end);
    return at < 0 ? undefined : this.bodyAt(at);
  }

  private bodyOf(at: number): Body {
    const body = this.bodyAt(at);
    if (body === undefined) throw new Error(`position ${at} of database ${this.index} has no body`);
    return body;
  }

  /** The key's body; a plain string moves into a new one. */
  ensureBody(key: Slice): Body {
    const { keys, state } = this;
    const { table } = keys;
    const at = table.find(key.bytes, key.start, key.end);
    if (at >= 0) {
      const known = this.bodyAt(at);
      if (known !== undefined) return known;
    }
    const body: Body = { key: key.copy(), parts: [], fieldDeadlines: null };
    const id = this.freeBodies.pop() ?? this.bodies.length;
    this.bodies[id] = body;
    let cell: Cell | undefined;
    let place = at;
    if (at >= 0) {
      cell = keys.cellAt(at);
      keys.blankAt(at);
      table.resizePayload(at, 4);
    } else {
      place = table.insert(key.bytes, key.start, key.end, 4);
      table.setSlot(table.referenceAt(place), keySlot(key.bytes, key.start, key.end));
      table.setFlags(table.referenceAt(place), FLAG_HIDDEN);
      keys.hidden++;
    }
    const reference = table.referenceAt(place);
    table.setKind(reference, BODY);
    table.bufferOf(reference).writeUInt32LE(id, table.payloadStart(reference));
    table.setIdleClock(reference, idleClock(state.now));
    if (cell !== undefined) {
      const part = this.ensurePart(body, KeyType.string);
      part.store(part.insertBlank(key.bytes, 0, 0), cell);
      for (const sibling of cell.siblings) part.noteWriter(sibling.replica, sibling.stamp);
      for (const tally of cell.tallies) part.noteWriter(tally.replica, tally.stamp);
    }
    return body;
  }

  ensurePart(body: Body, type: KeyType): Elements {
    const known = this.partOf(body, type);
    if (known !== undefined) return known;
    const part = new Elements(this.state, this.index, type, body.key);
    body.parts.push(part);
    return part;
  }

  /** After a change inside a body: cheap while one part is left and shows something. */
  private changed(key: Slice, body: Body, unseen = false): void {
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
      if ((flags & FLAG_DEADLINE) !== 0) this.refreshDeadlines(key);
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
    const body = this.bodyAt(at);
    if (body === undefined) return;
    for (let i = body.parts.length - 1; i >= 0; i--) {
      if (body.parts[i].table.count === 0) body.parts.splice(i, 1);
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
    if ((flags & FLAG_DEADLINE) !== 0) this.refreshDeadlines(key);
    if (this.state.context !== null && body.parts.length > 1) this.noteTypeConflict(body);
  }

  private dropBody(at: number, body: Body, key: Slice): void {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    if ((table.flags(reference) & FLAG_DEADLINE) !== 0) this.deadlines.put(key.bytes, key.start, key.end, [], 0);
    if ((table.flags(reference) & FLAG_HIDDEN) !== 0) this.keys.hidden--;
    this.releaseBody(at, body);
    table.removeAt(at);
    this.shrinkKeys();
  }

  /** Not while a walk over the table removes keys. */
  private shrinkKeys(): void {
    const { table } = this.keys;
    if (!this.clearing && table.count * 16 < table.positions) table.shrink();
  }

  private releaseBody(at: number, body: Body): void {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    const id = table.bufferOf(reference).readUInt32LE(table.payloadStart(reference));
    this.bodies[id] = undefined;
    this.freeBodies.push(id);
    if (body.fieldDeadlines !== null) {
      body.fieldDeadlines.table.clear();
      this.withFieldDeadlines.delete(body.key.toString('latin1'));
    }
  }

  private unwrapString(at: number, body: Body, key: Slice): void {
    const { keys } = this;
    const [part] = body.parts;
    const place = part.table.find(key.bytes, 0, 0);
    const cell = part.cellAt(place);
    part.account(part.table.referenceAt(place), false);
    part.table.clear();
    this.releaseBody(at, body);
    keys.blankAt(at);
    keys.store(at, cell);
    if (this.hasDeadline(at)) this.refreshDeadlines(key);
  }

  private noteTypeConflict(body: Body): void {
    const { state } = this;
    const shown = body.parts.filter((part) => part.size > 0);
    if (shown.length < 2) return;
    const winning = this.visibleType(body);
    const entry = (part: Elements) => {
      const dot = { replica: 0, stamp: 0 };
      for (let i = 0; i < part.writers.length; i += 2) {
        if (part.writers[i + 1] > dot.stamp) {
          dot.replica = part.writers[i];
          dot.stamp = part.writers[i + 1];
        }
      }
      return { replica: state.replicas.ids[dot.replica], stamp: dot.stamp, value: Buffer.from(TYPE_WORDS[part.type]) };
    };
    const winner = shown.find((part) => part.type === winning) ?? shown[0];
    state.noteConflict({
      atMs: state.now,
      database: this.index,
      key: body.key,
      field: null,
      kind: 'type',
      winner: entry(winner),
      losers: shown.filter((part) => part !== winner).map(entry),
    });
  }

  // --- deadlines of keys

  private dropCoveredDeadlines(key: Slice): void {
    const list = this.deadlines.list(key.bytes, key.start, key.end);
    if (list.length > 0) this.putDeadlines(key, withoutCovered(list, this.state.context));
  }

  /** After a change of the values under a key with deadlines: some may govern nothing now, and hideAt may differ. */
  refreshDeadlines(key: Slice): void {
    const list = this.deadlines.list(key.bytes, key.start, key.end);
    if (list.length > 0) this.putDeadlines(key, list);
  }

  /** Stores those deadlines of the list that govern something, with the moment when the key is hidden. */
  putDeadlines(key: Slice, list: readonly Deadline[]): void {
    const { keys, deadlines } = this;
    const at = keys.table.find(key.bytes, key.start, key.end);
    if (at < 0) {
      deadlines.put(key.bytes, key.start, key.end, [], 0);
      return;
    }
    const groups = this.groupsAt(at);
    const governing = list.filter((each) => groups.some((group) => governsSome(each, group)));
    let hideAt = 0;
    for (const group of groups) hideAt = Math.max(hideAt, groupHideAt(group, governing));
    const has = deadlines.put(key.bytes, key.start, key.end, governing, hideAt);
    const { table } = keys;
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    table.setFlags(reference, has ? flags | FLAG_DEADLINE : flags & ~FLAG_DEADLINE);
  }

  /** What the key's deadlines may govern: the cell of a plain string, or the parts of a body. */
  private groupsAt(at: number): (Cell | Elements)[] {
    const body = this.bodyAt(at);
    return body === undefined ? [this.keys.cellAt(at)] : body.parts;
  }

  // --- deadlines of hash fields

  private dropCoveredFieldDeadlines(body: Body, field: Slice): void {
    const list = body.fieldDeadlines?.list(field.bytes, field.start, field.end) ?? [];
    if (list.length > 0) this.putFieldDeadlines(body, field, withoutCovered(list, this.state.context));
  }

  private refreshFieldDeadlines(body: Body, field: Slice): void {
    const list = body.fieldDeadlines?.list(field.bytes, field.start, field.end) ?? [];
    if (list.length > 0) this.putFieldDeadlines(body, field, list);
  }

  refreshAllFieldDeadlines(body: Body): void {
    const { fieldDeadlines } = body;
    if (fieldDeadlines === null) return;
    const { table } = fieldDeadlines;
    const field = new Slice();
    for (let at = table.positions - 1; at >= 0; at--) {
      const reference = table.referenceAt(at);
      if (reference === 0) continue;
      const bytes = table.fillKey(reference, field).copy();
      this.dropCoveredFieldDeadlines(body, field.set(bytes, 0, bytes.length));
    }
  }

  /** Deadlines of a field from a record; the field must be there already. */
  installFieldDeadlines(key: Slice, field: Slice, list: readonly Deadline[]): void {
    const body = this.findBody(key);
    if (body === undefined || this.partOf(body, KeyType.hash) === undefined) return;
    body.fieldDeadlines ??= new Deadlines(this.state, this.index, body.key);
    this.withFieldDeadlines.set(body.key.toString('latin1'), body);
    this.putFieldDeadlines(body, field, list);
  }

  putFieldDeadlines(body: Body, field: Slice, list: readonly Deadline[]): void {
    const { fieldDeadlines } = body;
    if (fieldDeadlines === null) return;
    const part = this.partOf(body, KeyType.hash);
    const at = part === undefined ? -1 : part.table.find(field.bytes, field.start, field.end);
    if (part === undefined || at < 0) {
      fieldDeadlines.put(field.bytes, field.start, field.end, [], 0);
      return;
    }
    const cell = part.cellAt(at);
    const governing = list.filter((each) => governsCell(each, cell));
    const has = fieldDeadlines.put(field.bytes, field.start, field.end, governing, cellHideAt(cell, governing));
    const reference = part.table.referenceAt(at);
    const flags = part.table.flags(reference);
    part.table.setFlags(reference, has ? flags | FLAG_DEADLINE : flags & ~FLAG_DEADLINE);
  }
}

const TYPE_WORDS = ['none', 'string', 'hash', 'set', 'list', 'zset', 'stream'];

/** Seconds, 16 bits of them, as OBJECT IDLETIME needs: wraps after 18 hours. */
export function idleClock(now: UnixMs): number {
  return Math.floor(now / 1000) & 0xffff;
}

function clearPart(part: Elements, cancels: readonly Cancel[]): void {
  for (let at = part.table.positions - 1; at >= 0; at--) {
    if (part.table.referenceAt(at) !== 0) part.clearAt(at, cancels);
  }
  part.table.shrink();
}

/** An empty scope on the wire means: what this very txn writes. */
function scopeOf(scope: readonly number[], state: State): number[] {
  return scope.length === 0 ? [state.origin, state.stamp] : [...scope];
}

function governsSome(deadline: Deadline, group: Cell | Elements): boolean {
  if (!(group instanceof Elements)) return governsCell(deadline, group);
  for (let at = 0; at < group.table.positions; at++) {
    if (group.isShown(at) && elementGoverned(deadline, group, at)) return true;
  }
  return false;
}

function elementGoverned(deadline: Deadline, elements: Elements, at: number): boolean {
  const { table } = elements;
  const reference = table.referenceAt(at);
  if (table.kind(reference) === SIMPLE) return governs(deadline, table.replica(reference), table.stamp(reference));
  return governsCell(deadline, elements.cellAt(at));
}

function groupHideAt(group: Cell | Elements, list: readonly Deadline[]): UnixMs {
  if (!(group instanceof Elements)) return cellHideAt(group, list);
  if (group.size === 0) return 0;
  if (list.length > 0 && list.every((each) => governsAll(each, group.writers))) {
    return list.reduce((latest, each) => Math.max(latest, each.deadline), 0);
  }
  let hideAt = 0;
  for (let at = 0; at < group.table.positions && hideAt < Number.POSITIVE_INFINITY; at++) {
    if (group.isShown(at)) hideAt = Math.max(hideAt, elementHideAt(group, at, list));
  }
  return hideAt;
}

export function elementHideAt(elements: Elements, at: number, list: readonly Deadline[]): UnixMs {
  const { table } = elements;
  const reference = table.referenceAt(at);
  if (table.kind(reference) === SIMPLE) return dotHideAt(table.replica(reference), table.stamp(reference), list);
  return cellHideAt(elements.cellAt(at), list);
}
