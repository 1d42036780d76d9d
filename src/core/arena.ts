/**
 * The arena: where every key and small value lives. Memory comes in segments of at most 16 MiB and is handed out
 * in blocks of 16-byte units; a block is named by a 32-bit reference (segment number × 2^20 + unit), so references
 * fit typed arrays and reach 64 GiB. Blocks come in size classes (every unit up to 256 bytes, then four classes a
 * doubling); freed blocks wait in one list a class. A block over 4 MiB has a segment of its own.
 *
 * Invisible to the garbage collector: a million keys are a handful of buffers. Invariant: reference 0 is never
 * handed out and means "none"; who allocates knows the size and gives it back on free().
 */
const UNIT_BITS = 4;
const SEGMENT_BITS = 20;
const SEGMENT_MASK = (1 << SEGMENT_BITS) - 1;
const SEGMENT_BYTES_MAX = 1 << (SEGMENT_BITS + UNIT_BITS);
/** The first segments are smaller, so that an empty core costs little; the last size repeats. */
const SEGMENT_BYTES = [1 << 16, 1 << 18, 1 << 20, 1 << 22, SEGMENT_BYTES_MAX];
const CLASS_UNITS_MAX = 1 << 18;
const CLASSES = 16 + 4 * 15;

export class Arena {
  readonly buffers: Buffer[] = [];
  readonly words: Uint32Array[] = [];
  readonly doubles: Float64Array[] = [];
  /** For numbers that stand unaligned. */
  readonly views: DataView[] = [];
  /** Bytes of all segments, and of the blocks that are in use. */
  totalBytes = 0;
  usedBytes = 0;
  private readonly freeHeads = new Uint32Array(CLASSES + 1);
  private readonly freeSegments: number[] = [];
  private openSegment = -1;
  private openUnit = 0;
  private openUnitEnd = 0;
  private opened = 0;

  /** A block of at least `bytes` bytes, contents undefined, 16-byte aligned. */
  allocate(bytes: number): number {
    const units = (bytes + 15) >>> UNIT_BITS;
    if (units > CLASS_UNITS_MAX) return this.allocateSegment(units);
    const sizeClass = classOf(units);
    const size = unitsOf(sizeClass);
    this.usedBytes += size << UNIT_BITS;
    const head = this.freeHeads[sizeClass];
    if (head !== 0) {
      this.freeHeads[sizeClass] = this.words[head >>> SEGMENT_BITS][(head & SEGMENT_MASK) << 2];
      return head;
    }
    if (this.openUnit + size > this.openUnitEnd) this.openNextSegment(size);
    const reference = this.openSegment * (SEGMENT_MASK + 1) + this.openUnit;
    this.openUnit += size;
    return reference;
  }

  /** Gives back a block that was allocated with the same `bytes` (or the same class). */
  free(reference: number, bytes: number): void {
    const units = (bytes + 15) >>> UNIT_BITS;
    const segment = reference >>> SEGMENT_BITS;
    if (units > CLASS_UNITS_MAX) {
      this.usedBytes -= this.buffers[segment].length;
      this.totalBytes -= this.buffers[segment].length;
      this.installSegment(segment, EMPTY);
      this.freeSegments.push(segment);
      return;
    }
    const sizeClass = classOf(units);
    this.usedBytes -= unitsOf(sizeClass) << UNIT_BITS;
    this.words[segment][(reference & SEGMENT_MASK) << 2] = this.freeHeads[sizeClass];
    this.freeHeads[sizeClass] = reference;
  }

  private allocateSegment(units: number): number {
    // segment 0 has small blocks, from unit 1 on: a reference 0 would mean "none"
    if (this.buffers.length === 0) this.openNextSegment(1);
    const segment = this.freeSegments.pop() ?? this.buffers.length;
    const buffer = makeBuffer(units << UNIT_BITS);
    this.installSegment(segment, buffer);
    this.totalBytes += buffer.length;
    this.usedBytes += buffer.length;
    return segment * (SEGMENT_MASK + 1);
  }

  private openNextSegment(unitsNeeded: number): void {
    this.recycleRest();
    let bytes = SEGMENT_BYTES[Math.min(this.opened, SEGMENT_BYTES.length - 1)];
    while (bytes < (unitsNeeded + 1) << UNIT_BITS) bytes *= 4;
    bytes = Math.min(bytes, SEGMENT_BYTES_MAX);
    this.opened++;
    const segment = this.freeSegments.pop() ?? this.buffers.length;
    this.installSegment(segment, makeBuffer(bytes));
    this.totalBytes += bytes;
    this.openSegment = segment;
    this.openUnit = 1;
    this.openUnitEnd = bytes >>> UNIT_BITS;
  }

  /** What is left of the open segment joins the free lists, largest class first. */
  private recycleRest(): void {
    while (this.openUnit < this.openUnitEnd) {
      let sizeClass = classOf(this.openUnitEnd - this.openUnit);
      if (unitsOf(sizeClass) > this.openUnitEnd - this.openUnit) sizeClass--;
      const reference = this.openSegment * (SEGMENT_MASK + 1) + this.openUnit;
      this.words[this.openSegment][this.openUnit << 2] = this.freeHeads[sizeClass];
      this.freeHeads[sizeClass] = reference;
      this.openUnit += unitsOf(sizeClass);
    }
  }

  private installSegment(segment: number, buffer: Buffer): void {
    this.buffers[segment] = buffer;
    this.words[segment] = new Uint32Array(buffer.buffer, 0, buffer.length >>> 2);
    this.doubles[segment] = new Float64Array(buffer.buffer, 0, buffer.length >>> 3);
    this.views[segment] = new DataView(buffer.buffer);
  }
}

/** Segment of a reference; its byte offset in there. */
export function segmentOf(reference: number): number {
  return reference >>> SEGMENT_BITS;
}

export function offsetOf(reference: number): number {
  return (reference & SEGMENT_MASK) << UNIT_BITS;
}

/** True if a block of `a` bytes can hold `b` bytes without a move. */
export function sameClass(a: number, b: number): boolean {
  const unitsA = (a + 15) >>> UNIT_BITS;
  const unitsB = (b + 15) >>> UNIT_BITS;
  if (unitsA === unitsB) return true;
  if (unitsA > CLASS_UNITS_MAX || unitsB > CLASS_UNITS_MAX) return false;
  return classOf(unitsA) === classOf(unitsB);
}

function classOf(units: number): number {
  if (units <= 16) return units === 0 ? 1 : units;
  const shift = 29 - Math.clz32(units - 1); // so that units / 2^shift is in (4, 8]
  return 16 + ((shift - 2) << 2) + (((units - 1) >>> shift) + 1 - 4);
}

function unitsOf(sizeClass: number): number {
  if (sizeClass <= 16) return sizeClass;
  const above = sizeClass - 17;
  return (5 + (above & 3)) << ((above >>> 2) + 2);
}

function makeBuffer(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}

const EMPTY = Buffer.from(new ArrayBuffer(0));
