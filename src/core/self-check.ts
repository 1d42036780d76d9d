/**
 * The node's check of its own memory: the digest that is kept as things change (state.ts) against one that is made anew
 * from the bytes as they stand. What somebody wrote is in both; what changed by itself, a flipped bit or a write of ours
 * that went astray, is in the second only, and the slot is damaged. What digests do not cover is looked at one by one:
 * that entries stand where their keys belong, that bodies are those of their keys, the checksums of CELL entries.
 *
 * A pass goes through everything a piece at a time, between other work; a slot that was written meanwhile (State.written)
 * is left to the next pass. Entries that are not counted for now (uncounted.ts) are in neither digest. A pass counts them
 * before it begins, or, where they are many, some with each step: under many writes those that are written again and again
 * are never checked, and of any entry not what flips between a write and its count.
 */
import type { Body } from './bodies.ts';
import { MalformedError } from './bytes.ts';
import { isMarked, mark } from './comparison.ts';
import type { Deadlines } from './deadlines.ts';
import type { Elements } from './elements.ts';
import { SLOTS } from './hash.ts';
import type { Keyspace } from './keyspace.ts';
import { Slice } from './slice.ts';
import { BODY, FLAG_DEADLINE, type State } from './state.ts';

/** This check's bit in State.written. */
const PASS_BIT = 1;
const WALK_END = 2 ** 32;
/** Slots that are compared in one go: in nearly all nothing was written during a pass, and nothing differs. */
const SLOTS_AT_ONCE = 512;
const ENTRIES_PER_STEP = 64;
/** Entries that a step counts, besides those that it looks at: under a millisecond. */
const SETTLED_PER_STEP_MIN = 2000;
/** So many bytes of a value count as one more entry. */
const BYTES_PER_ENTRY = 256;

/** Digests made anew, and slots in which something is wrong whatever they say. */
interface Recount {
  readonly a: Int32Array;
  readonly b: Int32Array;
  readonly unsound: Uint8Array;
}

export class SelfCheck {
  private readonly state: State;
  private readonly keyspaces: readonly Keyspace[];
  private readonly passRecount = newRecount();
  private readonly scratch = newRecount();
  private pass: Generator<void> | null = null;
  /** A bitmap of the slots that the last pass has left. */
  unchecked = new Uint8Array(SLOTS / 8).fill(0xff);
  /** Entries looked at, large ones counted several times. */
  private looked = 0;
  private readonly key = new Slice();

  constructor(state: State, keyspaces: readonly Keyspace[]) {
    this.state = state;
    this.keyspaces = keyspaces;
  }

  /** Goes on with the pass, for about so many entries. True if it has come to the end of one. */
  step(budget: number): boolean {
    const { state } = this;
    state.uncounted.settleSome(Math.max(SETTLED_PER_STEP_MIN, budget));
    if (this.pass === null) {
      clearBit(state.written, PASS_BIT);
      const { a, b, unsound } = this.passRecount;
      for (const words of [a, b, unsound]) words.fill(0);
      this.pass = this.visit(this.passRecount, null);
    }
    this.looked = 0;
    while (this.looked < budget) {
      if (this.pass.next().done !== true) continue;
      this.pass = null;
      this.conclude();
      return true;
    }
    return false;
  }

  private conclude(): void {
    const { state, passRecount } = this;
    state.statistics.selfChecks++;
    this.unchecked = new Uint8Array(SLOTS / 8);
    for (let first = 0; first < SLOTS; first += SLOTS_AT_ONCE) {
      if (this.isQuiet(first)) continue;
      for (let slot = first; slot < first + SLOTS_AT_ONCE; slot++) {
        if ((state.written[slot] & PASS_BIT) !== 0) mark(this.unchecked, slot);
        else if (this.differs(passRecount, slot)) state.noteDamage(slot);
      }
    }
  }

  /** In that run of slots nothing was written during the pass, and nothing differs. */
  private isQuiet(first: number): boolean {
    const { state, passRecount } = this;
    const end = first + SLOTS_AT_ONCE;
    const written = wordsOf(state.written);
    for (let word = first / 4; word < end / 4; word++) if ((written[word] & inEachByte(PASS_BIT)) !== 0) return false;
    for (let slot = first; slot < end; slot++) if (passRecount.unsound[slot] !== 0) return false;
    return sameWithin(passRecount.a, state.digestA, first, end) && sameWithin(passRecount.b, state.digestB, first, end);
  }

  private differs({ a, b, unsound }: Recount, slot: number): boolean {
    const { digestA, digestB } = this.state;
    return unsound[slot] !== 0 || a[slot] !== digestA[slot] || b[slot] !== digestB[slot];
  }

  /** Looks at these slots (a bitmap) in one go. Afterwards State.damaged is right about them. */
  verify(slots: Uint8Array): void {
    const { state } = this;
    const recount = this.recount(slots);
    for (let slot = 0; slot < SLOTS; slot++) {
      if (isMarked(slots, slot) && this.differs(recount, slot)) state.noteDamage(slot);
    }
  }

  /** Whether all under the key at that position is sound in itself, whatever it should be. */
  isKeySound(keyspace: Keyspace, at: number): boolean {
    const { scratch } = this;
    const { table } = keyspace.keys;
    const slot = table.slot(table.referenceAt(at));
    scratch.unsound[slot] = 0;
    const body = this.visitKey(scratch, keyspace, at);
    if (body !== undefined) for (const _ of this.visitBody(scratch, body));
    return scratch.unsound[slot] === 0;
  }

  /** Slots that were mended: what is in them now is what counts. */
  takeAsTrue(slots: Uint8Array): void {
    const { state } = this;
    const { a, b } = this.recount(slots);
    for (let slot = 0; slot < SLOTS; slot++) {
      if (!isMarked(slots, slot)) continue;
      state.digestA[slot] = a[slot];
      state.digestB[slot] = b[slot];
      state.written[slot] = 0xff;
      state.wholeDigest = null;
      state.damaged.delete(slot);
    }
  }

  private recount(slots: Uint8Array): Recount {
    this.state.uncounted.settle();
    const recount = newRecount();
    for (const _ of this.visit(recount, slots));
    return recount;
  }

  /** Pauses after each few entries: others may change anything then. */
  private *visit(into: Recount, slots: Uint8Array | null): Generator<void> {
    for (const keyspace of this.keyspaces) {
      const { table } = keyspace.keys;
      for (let cursor = 0; cursor < WALK_END; ) {
        const bodies: Body[] = [];
        cursor = table.walk(cursor, ENTRIES_PER_STEP, (at) => {
          if (slots !== null && !isMarked(slots, table.slot(table.referenceAt(at)))) return;
          const body = this.visitKey(into, keyspace, at);
          if (body === undefined) return;
          // who writes to it meanwhile finds this one, and so do we
          body.pins++;
          bodies.push(body);
        });
        yield;
        for (const body of bodies) {
          yield* this.visitBody(into, body);
          body.pins--;
        }
        this.state.foldSome();
      }
    }
  }

  /** The key's own entry and its times to live; its body, if it has one, is still to be visited. */
  private visitKey(into: Recount, keyspace: Keyspace, at: number): Body | undefined {
    const { keys, bodies, expiry } = keyspace;
    const { table } = keys;
    const reference = table.referenceAt(at);
    const slot = table.slot(reference);
    this.looked++;
    if (!table.isSound(at)) {
      into.unsound[slot] = 1;
      return undefined;
    }
    const { bytes, start, end } = table.fillKey(reference, this.key);
    if (table.kind(reference) !== BODY) this.addEntry(into, keys, at, slot);
    const deadlinesAt = expiry.deadlines.table.find(bytes, start, end);
    const flagged = (table.flags(reference) & FLAG_DEADLINE) !== 0;
    if (deadlinesAt >= 0) this.addDeadlines(into, expiry.deadlines, deadlinesAt, slot);
    else if (flagged) into.unsound[slot] = 1;
    if (table.kind(reference) !== BODY) return undefined;
    if (!bodies.isPlaceSound(at)) into.unsound[slot] = 1;
    if (bodies.visitFolded(at, (part) => this.addAll(into, part, slot))) return undefined;
    const body = bodies.peekAt(at);
    if (body?.key.equals(bytes.subarray(start, end))) return body;
    into.unsound[slot] = 1;
    return bodies.findAgain(at);
  }

  /** Of a part that is small. */
  private addAll(into: Recount, part: Elements, slot: number): void {
    for (let at = 0; at < part.table.positions; at++) {
      if (part.table.referenceAt(at) === 0) continue;
      this.looked++;
      this.addEntry(into, part, at, slot);
    }
  }

  private *visitBody(into: Recount, body: Body): Generator<void> {
    for (const part of [...body.parts]) {
      for (let cursor = 0; cursor < WALK_END; ) {
        cursor = part.table.walk(cursor, ENTRIES_PER_STEP, (at) => {
          this.looked++;
          const slot = part.terms.slotOf(part.table.referenceAt(at));
          if (part.table.isSound(at)) this.addEntry(into, part, at, slot);
          else into.unsound[slot] = 1;
        });
        yield;
      }
    }
    const { fieldDeadlines } = body;
    if (fieldDeadlines === null) return;
    const slot = fieldDeadlines.slot;
    for (let cursor = 0; cursor < WALK_END; ) {
      cursor = fieldDeadlines.table.walk(cursor, ENTRIES_PER_STEP, (at) => {
        this.looked++;
        if (fieldDeadlines.table.isSound(at)) this.addDeadlines(into, fieldDeadlines, at, slot);
        else into.unsound[slot] = 1;
      });
      yield;
    }
  }

  private addEntry(into: Recount, elements: Elements, at: number, slot: number): void {
    const reference = elements.table.referenceAt(at);
    this.looked += Math.floor(elements.table.payloadLength(reference) / BYTES_PER_ENTRY);
    if (!elements.isIntact(reference)) into.unsound[slot] = 1;
    this.guarded(into, slot, () => {
      if (!elements.terms.counted(reference)) return;
      const { a, b } = elements.terms.lanes;
      into.a[slot] = (into.a[slot] + a) | 0;
      into.b[slot] = (into.b[slot] + b) | 0;
    });
  }

  private addDeadlines(into: Recount, deadlines: Deadlines, at: number, slot: number): void {
    this.guarded(into, slot, () =>
      deadlines.countTerms(deadlines.table.referenceAt(at), (_, a, b) => {
        into.a[slot] = (into.a[slot] + a) | 0;
        into.b[slot] = (into.b[slot] + b) | 0;
      }),
    );
  }

  /** What cannot even be read is damaged. */
  private guarded(into: Recount, slot: number, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      into.unsound[slot] = 1;
    }
  }
}

function newRecount(): Recount {
  return { a: new Int32Array(SLOTS), b: new Int32Array(SLOTS), unsound: new Uint8Array(SLOTS) };
}

export function clearBit(written: Uint8Array, bit: number): void {
  const words = wordsOf(written);
  const others = ~inEachByte(bit);
  for (let word = 0; word < words.length; word++) words[word] &= others;
}

/** The same bytes, four at a time. */
function wordsOf(bytes: Uint8Array): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function inEachByte(bit: number): number {
  return Math.imul(bit, 0x01010101);
}

function sameWithin(one: Int32Array, other: Int32Array, first: number, end: number): boolean {
  const [a, b] = [one, other].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
  return a.compare(b, 4 * first, 4 * end, 4 * first, 4 * end) === 0;
}

export function bitmapOf(slots: Iterable<number>): Uint8Array {
  const bitmap = new Uint8Array(SLOTS / 8);
  for (const slot of slots) mark(bitmap, slot);
  return bitmap;
}

export function slotsOf(bitmap: Uint8Array): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < SLOTS; slot++) if (isMarked(bitmap, slot)) slots.push(slot);
  return slots;
}
