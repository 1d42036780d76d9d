/**
 * Bodies: what stands under a key that is not a plain string. The key's own entry in the byte table then holds the
 * number of a body, and the body one Elements a type: usually one, several after concurrent writes of several types,
 * of which the one written last shows, everywhere alike.
 *
 * Only the structure: who may drop what, and times to live, are the business of keyspace.ts and key-deadlines.ts.
 */
import { type Cell, latestDot } from './cell.ts';
import type { Stamp } from './contract.ts';
import { KeyType } from './contract.ts';
import type { Deadlines } from './deadlines.ts';
import { Elements } from './elements.ts';
import { keySlot } from './hash.ts';
import type { Slice } from './slice.ts';
import { BODY, FLAG_DEADLINE, FLAG_FIELD_DEADLINES, FLAG_HIDDEN, type State } from './state.ts';

export interface Body {
  readonly key: Buffer;
  readonly parts: Elements[];
  /** Deadlines of hash fields, once there are any. */
  fieldDeadlines: Deadlines | null;
}

export class Bodies {
  /** Keys whose bodies have field deadlines, for the collection of expired fields. */
  readonly withFieldDeadlines = new Map<string, Body>();
  private readonly state: State;
  private readonly index: number;
  private readonly keys: Elements;
  private readonly bodies: (Body | undefined)[] = [];
  private readonly free: number[] = [];

  /** `keys`: the elements of database `index` itself. */
  constructor(state: State, index: number, keys: Elements) {
    this.state = state;
    this.index = index;
    this.keys = keys;
  }

  /** How many there are. */
  get count(): number {
    return this.bodies.length - this.free.length;
  }

  bodyAt(at: number): Body | undefined {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    if (table.kind(reference) !== BODY) return undefined;
    return this.bodies[table.viewOf(reference).getUint32(table.payloadStart(reference), true)] ?? this.findAgain(at);
  }

  /** The body of that key, by its name, where the number in the entry is damaged: mended at once. */
  findAgain(at: number): Body | undefined {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    const start = table.keyStart(reference);
    const key = table.bufferOf(reference).subarray(start, start + table.keyLength(reference));
    const id = this.bodies.findIndex((body) => body?.key.equals(key) === true);
    if (id < 0) return undefined;
    this.state.noteDamage(table.slot(reference));
    table.viewOf(reference).setUint32(table.payloadStart(reference), id, true);
    return this.bodies[id];
  }

  /** Drops the body of a key that is damaged, whatever is in it. */
  forget(body: Body): void {
    const id = this.bodies.indexOf(body);
    if (id < 0) return;
    this.bodies[id] = undefined;
    this.free.push(id);
    this.withFieldDeadlines.delete(body.key.toString('latin1'));
  }

  bodyOf(at: number): Body {
    const body = this.bodyAt(at);
    if (body === undefined) throw new Error(`position ${at} of database ${this.index} has no body`);
    return body;
  }

  findBody(key: Slice): Body | undefined {
    const at = this.keys.table.find(key.bytes, key.start, key.end);
    return at < 0 ? undefined : this.bodyAt(at);
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

  findPlainPart(key: Slice, type: KeyType): Elements | undefined {
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
    const id = this.free.pop() ?? this.bodies.length;
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
    if (at < 0) table.setUse(reference, state.keyUse.ofNew(state.now));
    if (cell !== undefined) {
      const part = this.ensurePart(body, KeyType.string);
      part.store(part.insertBlank(key.bytes, 0, 0), cell, true);
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

  releaseBody(at: number, body: Body): void {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    const id = table.bufferOf(reference).readUInt32LE(table.payloadStart(reference));
    this.bodies[id] = undefined;
    this.free.push(id);
    if (body.fieldDeadlines !== null) {
      body.fieldDeadlines.clear();
      table.setFlags(reference, table.flags(reference) & ~FLAG_FIELD_DEADLINES);
      this.withFieldDeadlines.delete(body.key.toString('latin1'));
    }
  }

  noteTypeConflict(body: Body): void {
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
}

const TYPE_WORDS = ['none', 'string', 'hash', 'set', 'list', 'zset', 'stream'];
