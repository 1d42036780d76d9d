/**
 * Input of one client that could not be used up at once: the beginning of a request, or what arrived while a command
 * waits. Bytes are copied here once; growing and moving cost no more than a constant share of what arrived.
 */
const CAPACITY_MIN = 4096;
/** An emptied buffer beyond this size is given back. */
const CAPACITY_KEPT = 16 * 1024;

const EMPTY = Buffer.alloc(0);

export class InputBuffer {
  bytes: Buffer = EMPTY;
  /** The kept bytes are bytes[start..end). */
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** Bytes before `from` are used up. */
  dropTo(from: number): void {
    if (from < this.end) {
      this.start = from;
      return;
    }
    this.start = 0;
    this.end = 0;
    if (this.bytes.length > CAPACITY_KEPT) this.bytes = EMPTY;
  }

  /**
   * Appends chunk[from..to). `wanted`: so many bytes the request at `start` is known to need, 0 if unknown; memory is
   * taken for at most twice what has arrived, whatever it claims. Returns by how much the kept bytes moved forward.
   */
  append(chunk: Buffer, from: number, to: number, wanted: number): number {
    const more = to - from;
    const moved = this.end + more > this.bytes.length ? this.makeRoom(more, wanted) : 0;
    chunk.copy(this.bytes, this.end, from, to);
    this.end += more;
    return moved;
  }

  private makeRoom(more: number, wanted: number): number {
    const moved = this.start;
    const needed = this.length + more;
    if (needed <= this.bytes.length && moved >= this.length) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      const capacity = wanted >= needed && wanted < needed * 2 ? wanted : needed * 2;
      const grown = Buffer.allocUnsafeSlow(Math.max(capacity, CAPACITY_MIN));
      this.bytes.copy(grown, 0, this.start, this.end);
      this.bytes = grown;
    }
    this.end -= moved;
    this.start = 0;
    return moved;
  }
}
