/**
 * Bodies: what stands under a key that is not a plain string. The key's own entry in the byte table then holds the
 * number of a body, and the body one Elements a type: usually one, several after concurrent writes of several types,
 * of which the one written last shows, everywhere alike.
 *
 * A small body that was not asked for lately is folded (folding.ts), and unfolds when it is asked for. So what bodyAt() and
 * its kin give is good until foldSome() is called, which engine.ts does between commands, and others between keys.
 *
 * The payload of the key's entry: u32 the number, 0 for a folded body; u32 the reference of its block.
 *
 * Only the structure: who may drop what, and times to live, are the business of keyspace.ts and key-deadlines.ts.
 */
import { offsetOf, segmentOf } from './arena.ts';
import { ByteReader } from './bytes.ts';
import { type Cell, latestDot } from './cell.ts';
import type { Stamp } from './contract.ts';
import { KeyType } from './contract.ts';
import type { Deadlines } from './deadlines.ts';
import { Elements } from './elements.ts';
import {
  blockEnd,
  blockSeed,
  blockType,
  type Folder,
  foldPart,
  isBlockMarked,
  isBlockOf,
  isFoldable,
  mayFold,
  unfoldPart,
} from './folding.ts';
import { keySlot } from './hash.ts';
import type { Slice } from './slice.ts';
import { BODY, FLAG_DEADLINE, FLAG_FIELD_DEADLINES, FLAG_HIDDEN, type State } from './state.ts';

export interface Body {
  key: Buffer;
  readonly parts: Elements[];
  /** Deadlines of hash fields, once there are any. */
  fieldDeadlines: Deadlines | null;
  /** State.second when it was asked for last. */
  usedSecond: number;
  /** How many want it to stay as it is, beyond a command. */
  pins: number;
  /** What it counts for in State.unfolded. */
  weight: number;
}

/** Of a folded body, where it stands in the arena. */
interface Block {
  readonly reference: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

const PAYLOAD_BYTES = 8;
const BLOCK_AT = 4;
/** Of a body without elements, in elements. */
const BODY_WEIGHT = 12;
const SPARE_MAX = 64;
/** What nobody has asked for for so long is folded. */
const REST_SECONDS = 4;
/** Of bodies that foldSome() looks at in one go: as a rule, where there is too much, and where nothing is to stand unfolded. */
const LOOKS = 2;
const LOOKS_IN_NEED = 16;
const LOOKS_MAX = 512;
const reader = new ByteReader();

function newBody(key: Buffer, usedSecond: number): Body {
  return { key, parts: [], fieldDeadlines: null, usedSecond, pins: 0, weight: 0 };
}

/** 0 of what is not to be folded anyhow. */
function weightOf({ parts, fieldDeadlines }: Body): number {
  if (parts.length > 1 || fieldDeadlines !== null) return 0;
  const [only] = parts;
  return only === undefined ? BODY_WEIGHT : mayFold(only) ? BODY_WEIGHT + only.table.count : 0;
}

export class Bodies implements Folder {
  /** Keys whose bodies have field deadlines, for the collection of expired fields. */
  readonly withFieldDeadlines = new Map<string, Body>();
  private readonly state: State;
  private readonly index: number;
  private readonly keys: Elements;
  /** By number; 0 is none. */
  private readonly bodies: (Body | undefined)[] = [undefined];
  /** Where foldSome() goes on. */
  private hand = 0;
  private readonly free: number[] = [];
  /** What was folded lately: whoever unfolds something needs the like, and is spared making it. */
  private readonly spare: Body[] = [];

  /** `keys`: the elements of database `index` itself. */
  constructor(state: State, index: number, keys: Elements) {
    this.state = state;
    this.index = index;
    this.keys = keys;
  }

  /** How many there are that are not folded. */
  get count(): number {
    return this.bodies.length - 1 - this.free.length;
  }

  bodyAt(at: number): Body | undefined {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    if (table.kind(reference) !== BODY) return undefined;
    const body = this.bodies[table.viewOf(reference).getUint32(table.payloadStart(reference), true)];
    if (body === undefined) return this.unfold(at) ?? this.findAgain(at);
    body.usedSecond = this.state.second;
    return body;
  }

  /** The body of that key, by its name, where the number in the entry is damaged: mended at once. */
  findAgain(at: number): Body | undefined {
    const { table } = this.keys;
    const key = this.keyAt(at);
    const id = this.bodies.findIndex((body) => body?.key.equals(key) === true);
    if (id < 0) return this.unfold(at);
    const reference = table.referenceAt(at);
    this.state.noteDamage(table.slot(reference));
    table.viewOf(reference).setUint32(table.payloadStart(reference), id, true);
    return this.bodies[id];
  }

  private keyAt(at: number): Buffer {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    const start = table.keyStart(reference);
    return table.bufferOf(reference).subarray(start, start + table.keyLength(reference));
  }

  // --- folding

  /**
   * Nobody holds a body: looks at some of them, and folds what nobody has asked for for some seconds; sooner where too much
   * stands unfolded. What is in use is left alone: to fold and unfold it again and again costs more than the rest of a command.
   */
  foldSome(): void {
    const { bodies, state } = this;
    const { second, unfolded, unfoldedMax } = state;
    const isTooMuch = unfolded > unfoldedMax;
    const rest = !isTooMuch ? REST_SECONDS : unfolded > 2 * unfoldedMax ? 0 : 1;
    const looks = unfoldedMax === 0 ? LOOKS_MAX : isTooMuch ? LOOKS_IN_NEED : LOOKS;
    for (let left = looks; left > 0 && state.unfolded > 0; left--) {
      this.hand = this.hand + 1 < bodies.length ? this.hand + 1 : 1;
      const body = bodies[this.hand];
      if (body === undefined) continue;
      if (body.pins > 0 || second - body.usedSecond < rest) this.weigh(body, weightOf(body));
      else if (!this.fold(this.hand, body)) this.weigh(body, 0);
    }
  }

  private fold(id: number, body: Body): boolean {
    const [part] = body.parts;
    if (body.parts.length !== 1 || body.fieldDeadlines !== null || !isFoldable(part)) return false;
    const { state, keys } = this;
    const at = keys.table.find(body.key, 0, body.key.length);
    if (at < 0 || this.numberAt(at) !== id) return false;
    part.keepMarks();
    const block = foldPart(part, body.key);
    const reference = state.arena.allocate(block.length);
    block.copy(state.arena.buffers[segmentOf(reference)], offsetOf(reference));
    part.table.empty();
    this.point(at, 0, reference);
    this.release(id, body);
    this.keepSpare(body);
    state.statistics.foldedKeys++;
    return true;
  }

  private release(id: number, body: Body): void {
    this.weigh(body, 0);
    this.bodies[id] = undefined;
    this.free.push(id);
  }

  /** Undefined: it is not folded. Without any part if it is, and its block is damaged: a peer's copy takes its place. */
  private unfold(at: number): Body | undefined {
    const block = this.blockOf(at, this.keyAt(at));
    if (block === undefined && this.numberAt(at) !== 0) return undefined;
    return this.unfoldAs(at, Buffer.from(this.keyAt(at)), block);
  }

  private unfoldAs(at: number, key: Buffer, block: Block | undefined): Body {
    const { state, keys } = this;
    const type = block && blockType(block.bytes, block.start);
    let body: Body;
    if (block !== undefined && type !== undefined) {
      const { bytes, start, end, reference } = block;
      body = this.bodyOfType(type, key, blockSeed(bytes, start));
      unfoldPart(reader.set(bytes, start, end), body.parts[0]);
      state.arena.free(reference, end - start);
    } else {
      body = newBody(key, this.state.second);
      state.noteDamage(keys.table.slot(keys.table.referenceAt(at)));
    }
    this.point(at, this.add(body), 0);
    state.statistics.foldedKeys--;
    return body;
  }

  /**
   * Visits the part of that type at a position, if it is marked for the store as a whole; it is not any more then. The
   * visitor takes the marks off its entries. What is folded stays so: the part is gone after the visit.
   */
  visitMarked(at: number, type: KeyType, visit: (part: Elements) => void): void {
    const block = this.soundBlock(at);
    if (block === undefined) {
      const part = this.bodyAt(at)?.parts.find((each) => each.type === type);
      if (part?.isMarked !== true) return;
      part.isMarked = false;
      visit(part);
    } else if (blockType(block.bytes, block.start) === type && isBlockMarked(block.bytes, block.start))
      this.visitBlock(at, block, type, visit, true);
  }

  /** Visits the part of a body that is folded, which stays so: the part is gone after the visit. False if it is not folded, or damaged. */
  visitFolded(at: number, visit: (part: Elements) => void): boolean {
    const block = this.soundBlock(at);
    const type = block && blockType(block.bytes, block.start);
    if (block === undefined || type === undefined) return false;
    this.visitBlock(at, block, type, visit, false);
    return true;
  }

  private visitBlock(
    at: number,
    { bytes, start, end }: Block,
    type: KeyType,
    visit: (part: Elements) => void,
    marksOff: boolean,
  ): void {
    const body = this.bodyOfType(type, Buffer.from(this.keyAt(at)), blockSeed(bytes, start));
    const [part] = body.parts;
    unfoldPart(reader.set(bytes, start, end), part, marksOff);
    visit(part);
    part.table.empty();
    this.keepSpare(body);
  }

  /** As bodyAt(), without its being a use. */
  peekAt(at: number): Body | undefined {
    const { table } = this.keys;
    const isBody = table.kind(table.referenceAt(at)) === BODY;
    return (isBody ? this.bodies[this.numberAt(at)] : undefined) ?? this.bodyAt(at);
  }

  private keepSpare(body: Body): void {
    if (!body.parts[0].isKnown && this.spare.length < SPARE_MAX) this.spare.push(body);
  }

  /** One with an empty part; made of what is spare, if there is any. */
  private bodyOfType(type: KeyType, key: Buffer, seed: number): Body {
    const { spare } = this;
    const body = spare.length > 0 && spare[spare.length - 1].parts[0].type === type ? spare.pop() : undefined;
    if (body === undefined) {
      const made = newBody(key, this.state.second);
      made.parts.push(new Elements(this.state, this.index, type, key, seed));
      return made;
    }
    body.key = key;
    body.usedSecond = this.state.second;
    body.parts[0].reuse(key, seed);
    return body;
  }

  /** The body under an entry whose own name is damaged, which may have been one of these. */
  bodyAs(at: number, names: readonly Buffer[]): Body | undefined {
    const { table } = this.keys;
    if (table.kind(table.referenceAt(at)) === BODY && this.numberAt(at) === 0) {
      for (const name of names) {
        const block = this.blockOf(at, name);
        if (block !== undefined) return this.unfoldAs(at, name, block);
      }
    }
    return this.bodyAt(at);
  }

  /** The block of a folded body, if it is sound, and that of this key. */
  private blockOf(at: number, key: Buffer): Block | undefined {
    const block = this.blockAt(at);
    return block !== undefined && isBlockOf(block.bytes, block.start, block.end, key) ? block : undefined;
  }

  /** The same whatever is in it, as far as there can be one. */
  private blockAt(at: number): Block | undefined {
    const reference = this.blockWordAt(at);
    const bytes = this.state.arena.buffers[segmentOf(reference)];
    const start = offsetOf(reference);
    const end = reference === 0 || bytes === undefined ? -1 : blockEnd(bytes, start);
    return end < 0 ? undefined : { reference, bytes, start, end };
  }

  /** The block itself, of a body that is folded. */
  foldedBlock(at: number): Block | undefined {
    const { table } = this.keys;
    return table.kind(table.referenceAt(at)) !== BODY || this.numberAt(at) !== 0 ? undefined : this.blockAt(at);
  }

  /** The same, if it is sound. */
  private soundBlock(at: number): Block | undefined {
    return this.foldedBlock(at) && this.blockOf(at, this.keyAt(at));
  }

  private blockWordAt(at: number): number {
    const { table } = this.keys;
    const entry = table.referenceAt(at);
    return table.viewOf(entry).getUint32(table.payloadStart(entry) + BLOCK_AT, true);
  }

  /** False if what points to the body is damaged: it is right afterwards. */
  isPlaceSound(at: number): boolean {
    const id = this.numberAt(at);
    if (id === 0 || this.blockWordAt(at) === 0) return true;
    const block = this.blockOf(at, this.keyAt(at));
    if (block === undefined) this.point(at, id, 0);
    else this.point(at, 0, block.reference);
    return false;
  }

  private numberAt(at: number): number {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    return table.viewOf(reference).getUint32(table.payloadStart(reference), true);
  }

  private point(at: number, id: number, block: number): void {
    const { table } = this.keys;
    const reference = table.referenceAt(at);
    const view = table.viewOf(reference);
    view.setUint32(table.payloadStart(reference), id, true);
    view.setUint32(table.payloadStart(reference) + BLOCK_AT, block, true);
  }

  private add(body: Body): number {
    const id = this.free.pop() ?? this.bodies.length;
    this.bodies[id] = body;
    if (!this.state.folders.includes(this)) this.state.folders.push(this);
    this.weigh(body, BODY_WEIGHT);
    return id;
  }

  private weigh(body: Body, weight: number): void {
    this.state.unfolded += weight - body.weight;
    body.weight = weight;
  }

  /** Drops the body of a key that is damaged, whatever is in it. */
  forget(body: Body): void {
    const id = this.bodies.indexOf(body);
    if (id < 0) return;
    this.release(id, body);
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
    const folded = this.foldedType(at);
    if (folded !== undefined) return folded;
    const body = this.bodyAt(at);
    return body === undefined ? KeyType.string : this.visibleType(body);
  }

  /** Of a body that is folded, and stays so. */
  private foldedType(at: number): KeyType | undefined {
    const block = this.foldedBlock(at);
    return block && blockType(block.bytes, block.start);
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
    const body = newBody(key.copy(), state.second);
    const id = this.add(body);
    let cell: Cell | undefined;
    let place = at;
    if (at >= 0) {
      cell = keys.cellAt(at);
      keys.blankAt(at);
      table.resizePayload(at, PAYLOAD_BYTES);
    } else {
      place = table.insert(key.bytes, key.start, key.end, PAYLOAD_BYTES);
      table.setSlot(table.referenceAt(place), keySlot(key.bytes, key.start, key.end));
      table.setFlags(table.referenceAt(place), FLAG_HIDDEN);
      keys.hidden++;
    }
    const reference = table.referenceAt(place);
    table.setKind(reference, BODY);
    this.point(place, id, 0);
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
    this.release(this.numberAt(at), body);
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
