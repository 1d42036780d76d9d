/**
 * A sketch: what stands under a key as the value of a string, byte for byte as Redis has it. Sixteen bytes of header
 * (`HYLL`, the form, three zeros, the cardinality that was found last), then the registers, sparse or dense.
 */
import type { Slice } from '../../core/slice.ts';
import { DENSE_BYTES, denseRegister, raiseDense } from './dense.ts';
import { estimate } from './estimate.ts';
import { hashElement, REGISTERS } from './hash.ts';
import { EMPTY_SPARSE, forEachRun, GROWTH_BYTES_MAX, raiseSparse } from './sparse.ts';

const MAGIC = [0x48, 0x59, 0x4c, 0x4c];
const HEADER_BYTES = 16;
const FORM_AT = 4;
const CARDINALITY_AT = 8;
/** Its highest bit tells that the cardinality is not known. */
const CARDINALITY_END = 15;
const STALE = 0x80;
const VALUES = 64;

export type Form = 'dense' | 'sparse';

/** True of what begins as a sketch does and could be one. */
export function isSketch({ bytes, start, end }: Slice): boolean {
  if (end - start < HEADER_BYTES) return false;
  for (let i = 0; i < MAGIC.length; i++) if (bytes[start + i] !== MAGIC[i]) return false;
  const form = bytes[start + FORM_AT];
  return form === 1 || (form === 0 && end - start === HEADER_BYTES + DENSE_BYTES);
}

/** The registers of several sketches, each at its highest. */
export class Registers {
  readonly counts = new Uint8Array(REGISTERS);

  cardinality(): number {
    const histogram = new Float64Array(VALUES);
    for (const count of this.counts) histogram[count]++;
    return estimate(histogram);
  }
}

export class Sketch {
  private bytes: Buffer;
  private end: number;

  private constructor(bytes: Buffer, end: number) {
    this.bytes = bytes;
    this.end = end;
  }

  static empty(): Sketch {
    const bytes = Buffer.from([...MAGIC, 1, ...new Array(HEADER_BYTES - FORM_AT - 1).fill(0), ...EMPTY_SPARSE]);
    return new Sketch(bytes, bytes.length);
  }

  /** A copy of a value of which isSketch() is true. */
  static of(value: Slice): Sketch {
    return new Sketch(value.copy(), value.length);
  }

  get form(): Form {
    return this.bytes[FORM_AT] === 0 ? 'dense' : 'sparse';
  }

  /** Valid until the next change. */
  value(out: Slice): Slice {
    return out.set(this.bytes, 0, this.end);
  }

  /** True if that changed something; undefined if the sketch is corrupt. */
  add(element: Slice, sparseBytesMax: number): boolean | undefined {
    const { index, count } = hashElement(element);
    return this.raise(index, count, sparseBytesMax);
  }

  /** Raises a register at least to `count`. As add(). */
  raise(index: number, count: number, sparseBytesMax: number): boolean | undefined {
    if (this.form === 'dense') return raiseDense(this.bytes, HEADER_BYTES, index, count);
    this.makeRoom();
    const raised = raiseSparse(this.bytes, HEADER_BYTES, this.end, index, count, sparseBytesMax);
    if (raised === 'unchanged') return false;
    if (raised === 'corrupt') return undefined;
    if (raised === 'too large')
      return this.makeDense() ? raiseDense(this.bytes, HEADER_BYTES, index, count) : undefined;
    this.end = raised;
    return true;
  }

  private makeRoom(): void {
    if (this.end + GROWTH_BYTES_MAX <= this.bytes.length) return;
    const grown = Buffer.alloc(this.bytes.length * 2 + GROWTH_BYTES_MAX);
    this.bytes.copy(grown, 0, 0, this.end);
    this.bytes = grown;
  }

  /** False if the sketch is corrupt. */
  makeDense(): boolean {
    if (this.form === 'dense') return true;
    const dense = Buffer.alloc(HEADER_BYTES + DENSE_BYTES);
    this.bytes.copy(dense, 0, 0, HEADER_BYTES);
    dense[FORM_AT] = 0;
    const whole = forEachRun(this.bytes, HEADER_BYTES, this.end, (first, length, value) => {
      if (value > 0) for (let i = first; i < first + length; i++) raiseDense(dense, HEADER_BYTES, i, value);
    });
    if (!whole) return false;
    this.bytes = dense;
    this.end = dense.length;
    return true;
  }

  /** Raises `registers` to what this sketch holds; false if it is corrupt. */
  mergeInto({ counts }: Registers): boolean {
    if (this.form === 'dense') {
      for (let i = 0; i < REGISTERS; i++) counts[i] = Math.max(counts[i], denseRegister(this.bytes, HEADER_BYTES, i));
      return true;
    }
    return forEachRun(this.bytes, HEADER_BYTES, this.end, (first, length, value) => {
      if (value > 0) for (let i = first; i < first + length; i++) counts[i] = Math.max(counts[i], value);
    });
  }

  /** The runs of the sparse form as PFDEBUG DECODE tells them. */
  describeRuns(): string {
    const runs: string[] = [];
    forEachRun(this.bytes, HEADER_BYTES, this.end, (_, length, value) => {
      runs.push(value > 0 ? `v:${value},${length}` : `${length > 64 ? 'Z' : 'z'}:${length}`);
    });
    return runs.join(' ');
  }

  // --- the cardinality that was found last

  /** Undefined if nothing is known of it. */
  get knownCardinality(): bigint | undefined {
    return (this.bytes[CARDINALITY_END] & STALE) === 0 ? this.bytes.readBigUInt64LE(CARDINALITY_AT) : undefined;
  }

  forgetCardinality(): void {
    this.bytes[CARDINALITY_END] |= STALE;
  }
}
