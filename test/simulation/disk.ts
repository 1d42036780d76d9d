/**
 * A virtual disk. The medium is what a machine keeps when its process ends: an ordered map, the batches written since
 * the last sync, the shutdown marker, the remembered members. The disk is one process's way to it: every operation
 * takes virtual time, and may fail as LevelDB does. At a power cut each batch that was not synced is kept or lost,
 * from some point on or alone in the middle.
 */
import type { Disk, Operation } from '../../src/store/disk.ts';
import type { KeyRange } from '../../src/store/encoding.ts';
import type { Random } from './random.ts';
import type { Process, World } from './world.ts';

/** `key` in latin1; `value` null: it is taken away. */
interface Change {
  readonly key: string;
  readonly value: Buffer | null;
}

const PAGE_ENTRIES = 1000;
const PLENTY_BYTES = 1e12;
const SOME_WRITE_MS = 0.2;
const SOME_SYNC_MS = 3;

export interface Marker {
  replica: string;
  number: number;
  /** Of the medium that it was written on: a copy of it proves nothing. */
  identity: number;
}

/** Why writing fails now. */
export type DiskTrouble = 'Input/output error' | 'No space left on device';

let identities = 0;

export class Medium {
  readonly identity = ++identities;
  marker: Marker | null = null;
  members: string | null = null;
  /** The medium that it was written on; null before the first start. */
  place: number | null = null;
  trouble: DiskTrouble | null = null;
  /** Writes until one fails, once. */
  failsAfter = Number.POSITIVE_INFINITY;
  private view = new Map<string, Buffer>();
  /** What every power cut leaves; and the batches since, of which some are synced alone. */
  private base = new Map<string, Buffer>();
  private journal: { readonly changes: readonly Change[]; synced: boolean }[] = [];
  private sorted: string[] | null = null;

  apply(changes: readonly Change[]): void {
    this.journal.push({ changes, synced: false });
    if (play(this.view, changes)) this.sorted = null;
  }

  /** What was written from the `from`th batch of the journal on survives a power cut from now. */
  sync(from = 0): void {
    for (let i = from; i < this.journal.length; i++) this.journal[i].synced = true;
    const first = this.journal.findIndex(({ synced }) => !synced);
    for (const { changes } of this.journal.splice(0, first < 0 ? this.journal.length : first)) {
      play(this.base, changes);
    }
  }

  get journalLength(): number {
    return this.journal.length;
  }

  /** The power goes: batches that were not synced are lost from some point on, or one in the middle. */
  cutPower(random: Random): void {
    const { journal } = this;
    const kept = random.below(journal.length + 1);
    const missing = random.chance(0.3) ? random.below(journal.length + 1) : -1;
    for (const [i, { changes, synced }] of journal.entries()) {
      if (synced || (i < kept && i !== missing)) play(this.base, changes);
    }
    this.journal = [];
    this.view = new Map(this.base);
    this.sorted = null;
  }

  /** A copy of the directory, taken while nobody writes, or as a power cut would leave it. */
  copy(): Medium {
    const copy = new Medium();
    copy.base = new Map(this.view);
    copy.view = new Map(this.view);
    copy.marker = this.marker;
    copy.members = this.members;
    copy.place = this.place;
    return copy;
  }

  get(key: Buffer): Buffer | undefined {
    return this.view.get(key.toString('latin1'));
  }

  /** The entries of a range, in order. */
  range(range: KeyRange): [Buffer, Buffer][] {
    return this.keys(range).map((key) => this.entry(key));
  }

  /** In latin1, in order. */
  keys({ gte, lt }: KeyRange): string[] {
    this.sorted ??= [...this.view.keys()].sort();
    const from = firstAtLeast(this.sorted, gte.toString('latin1'));
    return this.sorted.slice(from, firstAtLeast(this.sorted, lt.toString('latin1')));
  }

  entry(key: string): [Buffer, Buffer] {
    return [Buffer.from(key, 'latin1'), this.view.get(key) ?? Buffer.alloc(0)];
  }
}

/** True if a key came or went. */
function play(map: Map<string, Buffer>, changes: readonly Change[]): boolean {
  let changed = false;
  for (const { key, value } of changes) {
    if (value !== null) {
      changed = changed || !map.has(key);
      map.set(key, value);
    } else changed = map.delete(key) || changed;
  }
  return changed;
}

function firstAtLeast(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class SimulatedDisk implements Disk {
  readonly medium: Medium;
  private readonly world: World;
  private readonly process: Process;
  private readonly random: Random;
  private opened = false;
  /** A write has failed: nothing more is taken before the database is opened afresh. */
  private broken = false;

  constructor(medium: Medium, world: World, process: Process, random: Random) {
    this.medium = medium;
    this.world = world;
    this.process = process;
    this.random = random;
  }

  get isOpen(): boolean {
    return this.opened;
  }

  async open(): Promise<void> {
    await this.takes(SOME_WRITE_MS);
    this.opened = true;
  }

  async close(): Promise<void> {
    await this.takes(SOME_WRITE_MS);
    this.opened = false;
  }

  async reopen(): Promise<void> {
    this.opened = false;
    await this.takes(SOME_SYNC_MS);
    this.complain();
    this.opened = true;
    this.broken = false;
  }

  async batch(operations: readonly Operation[], sync: boolean): Promise<void> {
    const changes = operations.map(changeOf);
    await this.takes(sync ? SOME_SYNC_MS : SOME_WRITE_MS);
    if (!this.opened || this.broken) throw new Error('Database is not open');
    const failing = this.medium.trouble !== null || this.medium.failsAfter-- <= 0;
    // a failed write may have reached the disk all the same
    if (!failing || this.random.chance(0.5)) this.medium.apply(changes);
    if (failing) {
      this.broken = true;
      this.medium.failsAfter = Number.POSITIVE_INFINITY;
      throw new Error(`IO error: ${this.medium.trouble ?? 'Input/output error'}`);
    }
    // of the write-ahead files only the newest is synced with the batch
    if (sync) this.medium.sync(this.random.chance(0.2) ? this.random.below(this.medium.journalLength) : 0);
  }

  async syncFiles(): Promise<void> {
    const until = this.medium.journalLength;
    await this.takes(SOME_SYNC_MS);
    this.complain();
    if (until > 0) this.medium.sync();
  }

  async freeBytes(): Promise<number> {
    await this.takes(0.01);
    return this.medium.trouble === 'No space left on device' ? 0 : PLENTY_BYTES;
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    await this.takes(0.05);
    return this.medium.get(key);
  }

  async *entries(range: KeyRange): AsyncGenerator<[Buffer, Buffer]> {
    for await (const page of this.pages(range)) yield* page;
  }

  async *pages(range: KeyRange): AsyncGenerator<[Buffer, Buffer][]> {
    const entries = this.medium.range(range);
    for (let at = 0; at < entries.length; at += PAGE_ENTRIES) {
      await this.takes(0.1);
      yield entries.slice(at, at + PAGE_ENTRIES);
    }
  }

  async lastEntry(range: KeyRange): Promise<[Buffer, Buffer] | undefined> {
    await this.takes(0.05);
    const key = this.medium.keys(range).at(-1);
    return key === undefined ? undefined : this.medium.entry(key);
  }

  async lastKey(range: KeyRange): Promise<Buffer | undefined> {
    return (await this.lastEntry(range))?.[0];
  }

  async firstKey(range: KeyRange): Promise<Buffer | undefined> {
    await this.takes(0.05);
    const [key] = this.medium.keys(range);
    return key === undefined ? undefined : Buffer.from(key, 'latin1');
  }

  async discard(range: KeyRange): Promise<void> {
    await this.takes(SOME_WRITE_MS);
    this.medium.apply(this.medium.keys(range).map((key) => ({ key, value: null })));
  }

  private complain(): void {
    if (this.medium.trouble !== null) throw new Error(`IO error: ${this.medium.trouble}`);
  }

  /** Virtual time goes by; a process that has died meanwhile never comes back from here. */
  private takes(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.schedule(ms * this.random.between(0.5, 2), this.process, resolve);
    });
  }
}

/** A copy: the caller's bytes are the caller's again. */
function changeOf(operation: Operation): Change {
  const key = operation.key.toString('latin1');
  return { key, value: operation.type === 'put' ? Buffer.from(operation.value) : null };
}
