/**
 * What the store asks of a disk, and the LevelDB database on its directory that gives it: open, batch, read, make durable, and open again after a failed write
 * (LevelDB refuses every write after one has failed, until it is opened afresh).
 */
import { open as openFile, readdir, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { KeyRange } from './encoding.ts';
import { ThreadReader } from './thread-reader.ts';

export type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer };

/** Larger than LevelDB's 4 MiB: fewer small tables, so less merging beside the command thread. Two of them are in memory. */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
const FILE_BYTES_MAX = 8 * 1024 * 1024;
/** Hardly anything is read twice. */
const CACHE_BYTES = 1024 * 1024;
const PAGE_ENTRIES = 1000;
const PAGE_BYTES = 256 * 1024;
/** What is shorter is read before a thread has started. */
const THREAD_BYTES_MIN = 32 * 1024 * 1024;

/** From an entry on, or after it. */
export type PagesRange = { gte: Buffer; lt: Buffer } | { gt: Buffer; lt: Buffer };

/** An ordered map of bytes that survives. Everything may reject; after a failed batch only reopen() makes it write again. */
export interface Disk {
  readonly isOpen: boolean;
  open(): Promise<void>;
  close(): Promise<void>;
  /** After a failed write. Rejects where the disk still does not take it; then the database is closed. */
  reopen(): Promise<void>;
  /** All or nothing; `sync`: on the platter when it resolves, though what came before may not be: see syncFiles(). */
  batch(operations: readonly Operation[], sync: boolean): Promise<void>;
  get(key: Buffer): Promise<Buffer | undefined>;
  /** The entries of a range, in order. */
  entries(range: KeyRange): AsyncGenerator<[Buffer, Buffer]>;
  /** The same, many at a time: for what goes through millions. */
  pages(range: KeyRange): AsyncGenerator<[Buffer, Buffer][]>;
  lastEntry(range: KeyRange): Promise<[Buffer, Buffer] | undefined>;
  lastKey(range: KeyRange): Promise<Buffer | undefined>;
  firstKey(range: KeyRange): Promise<Buffer | undefined>;
  /** Removes a range and gives its room back. */
  discard(range: KeyRange): Promise<void>;
  /** Makes everything written so far survive a power cut. */
  syncFiles(): Promise<void>;
  /** Bytes that the file system would still give us. */
  freeBytes(): Promise<number>;
}

/** What this thread has open. LevelDB refuses other processes, but no longer other threads, nor the same one. */
const held = new Set<string>();

export class LevelDisk implements Disk {
  readonly path: string;
  private readonly level: ClassicLevel<Buffer, Buffer>;
  private readonly threadBytesMin: number;
  /** Its entry in `held`. */
  private place: string | null = null;

  /** `threadBytesMin`: ranges of less are not worth a thread that reads them. */
  constructor(path: string, threadBytesMin = THREAD_BYTES_MIN) {
    this.path = path;
    this.threadBytesMin = threadBytesMin;
    this.level = new ClassicLevel<Buffer, Buffer>(path, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      compression: false,
      writeBufferSize: WRITE_BUFFER_BYTES,
      maxFileSize: FILE_BYTES_MAX,
      cacheSize: CACHE_BYTES,
      // for the thread that reads long ranges
      multithreading: true,
    });
  }

  async open(): Promise<void> {
    const place = resolve(this.path);
    if (held.has(place)) throw Object.assign(new Error(`${place} is open already`), { code: 'LEVEL_LOCKED' });
    held.add(place);
    this.place = place;
    try {
      await this.level.open();
    } catch (error) {
      this.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.level.close();
    this.release();
  }

  private release(): void {
    if (this.place !== null) held.delete(this.place);
    this.place = null;
  }

  async reopen(): Promise<void> {
    await this.level.close();
    await this.level.open();
  }

  get isOpen(): boolean {
    return this.level.status === 'open';
  }

  /** A chained batch, since one given as an array costs three times as much of the command thread. */
  async batch(operations: readonly Operation[], sync: boolean): Promise<void> {
    const batch = this.level.batch();
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write({ sync });
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    return this.level.get(key);
  }

  async *entries(range: KeyRange): AsyncGenerator<[Buffer, Buffer]> {
    for await (const page of this.pages(range)) yield* page;
  }

  /** What is long comes from a thread of its own, once that is there. */
  async *pages(range: KeyRange): AsyncGenerator<[Buffer, Buffer][]> {
    const size = await this.level.approximateSize(range.gte, range.lt);
    if (size < this.threadBytesMin) {
      yield* this.pagesHere(range);
      return;
    }
    const reader = new ThreadReader({ path: this.path, lt: range.lt });
    try {
      let last: Buffer | null = null;
      for await (const page of this.pagesHere(range)) {
        yield page;
        last = page[page.length - 1][0];
        if (reader.isReady) break;
      }
      if (last !== null && reader.isReady) yield* reader.pagesAfter(last);
    } finally {
      await reader.stop();
    }
  }

  /** Read on this thread. */
  async *pagesHere(range: PagesRange): AsyncGenerator<[Buffer, Buffer][]> {
    const iterator = this.level.iterator({ ...range, fillCache: false, highWaterMarkBytes: PAGE_BYTES });
    try {
      for (let page = await iterator.nextv(PAGE_ENTRIES); page.length > 0; page = await iterator.nextv(PAGE_ENTRIES)) {
        yield page;
      }
    } finally {
      await iterator.close();
    }
  }

  async lastEntry(range: KeyRange): Promise<[Buffer, Buffer] | undefined> {
    const [entry] = await this.level.iterator({ ...range, reverse: true, limit: 1 }).all();
    return entry;
  }

  async lastKey(range: KeyRange): Promise<Buffer | undefined> {
    const [key] = await this.level.keys({ ...range, reverse: true, limit: 1 }).all();
    return key;
  }

  async firstKey(range: KeyRange): Promise<Buffer | undefined> {
    const [key] = await this.level.keys({ ...range, limit: 1 }).all();
    return key;
  }

  async discard(range: KeyRange): Promise<void> {
    await this.level.clear(range);
    await this.level.compactRange(range.gte, range.lt);
  }

  /** A synced batch alone would not do: it syncs the newest write-ahead file, the one before may be on its way into a table. */
  async syncFiles(): Promise<void> {
    const names = await readdir(this.path);
    for (const name of names) if (name.endsWith('.log')) await syncPath(join(this.path, name));
    await syncPath(this.path);
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }
}

/** fsync of a file or directory. One that has gone meanwhile was merged into a table, which LevelDB syncs itself. */
export async function syncPath(path: string): Promise<void> {
  let file: Awaited<ReturnType<typeof openFile>>;
  try {
    file = await openFile(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
