/** A disk that is a list in memory: what it holds is set, and nothing it is told is kept. */
import type { Disk, Operation } from '../../src/store/disk.ts';
import type { KeyRange } from '../../src/store/encoding.ts';

type Entry = [key: Buffer, value: Buffer];

export class MemoryDisk implements Disk {
  readonly isOpen = true;
  private readonly sorted: Entry[];

  /** Of two entries under one key the later one counts. */
  constructor(entries: readonly Entry[]) {
    const byKey = new Map(entries.map((entry) => [entry[0].toString('latin1'), entry]));
    this.sorted = [...byKey.values()].sort(([a], [b]) => Buffer.compare(a, b));
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}
  async reopen(): Promise<void> {}
  async batch(_operations: readonly Operation[]): Promise<void> {}
  async syncFiles(): Promise<void> {}
  async discard(): Promise<void> {}

  async freeBytes(): Promise<number> {
    return Number.MAX_SAFE_INTEGER;
  }

  async get(wanted: Buffer): Promise<Buffer | undefined> {
    const entry = this.sorted[this.firstAtLeast(wanted)];
    return entry?.[0].equals(wanted) ? entry[1] : undefined;
  }

  async *entries(range: KeyRange): AsyncGenerator<Entry> {
    yield* this.within(range);
  }

  async *pages(range: KeyRange): AsyncGenerator<Entry[]> {
    const entries = this.within(range);
    if (entries.length > 0) yield entries;
  }

  async lastEntry(range: KeyRange): Promise<Entry | undefined> {
    return this.within(range).at(-1);
  }

  async lastKey(range: KeyRange): Promise<Buffer | undefined> {
    return this.within(range).at(-1)?.[0];
  }

  async firstKey(range: KeyRange): Promise<Buffer | undefined> {
    return this.within(range)[0]?.[0];
  }

  private within({ gte, lt }: KeyRange): Entry[] {
    return this.sorted.slice(this.firstAtLeast(gte), this.firstAtLeast(lt));
  }

  private firstAtLeast(wanted: Buffer): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare(this.sorted[middle][0], wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
