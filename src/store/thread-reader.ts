/**
 * A long range of the database, read on a thread of its own: LevelDB's binding makes two buffers for each entry, about a
 * sixth of the time that a start takes to load them. It takes a while until such a thread is there, so whoever reads begins
 * by itself, and lets the other go on from where it is.
 */
import type { Worker } from 'node:worker_threads';
import { startThread } from '../threads.ts';
import { type PackedEntries, unpackEntries } from './packed-entries.ts';

export interface ReadingData {
  readonly path: string;
  /** The end of the range. */
  readonly lt: Uint8Array;
}

export type ReadingOrder =
  | { readonly kind: 'read'; readonly after: Uint8Array }
  /** Room for one more page. */
  | { readonly kind: 'more' }
  | { readonly kind: 'stop' };

export type ReadingReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'page'; readonly packed: PackedEntries }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string }
  /** The database is closed. */
  | { readonly kind: 'stopped' };

/** So many pages are on their way, or wait here. */
const PAGES_AHEAD = 4;

export class ThreadReader {
  /** It can take over. A thread that never gets there, for want of memory say, costs nothing but the time it would have saved. */
  isReady = false;
  private readonly worker: Worker;
  private readonly reports: ReadingReport[] = [];
  private failure: Error | null = null;
  private isStopped = false;
  private isOver = false;
  private wake: () => void = () => {};

  constructor(data: ReadingData) {
    this.worker = startThread(import.meta.url, 'reading-thread', data);
    this.worker.on('message', (report: ReadingReport) => this.take(report));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', () => {
      this.isOver = true;
      this.wake();
    });
  }

  /** What comes after an entry, many at a time. Rejects with what the thread met. Once. */
  async *pagesAfter(key: Uint8Array): AsyncGenerator<[Buffer, Buffer][]> {
    this.tell({ kind: 'read', after: key });
    for (let i = 0; i < PAGES_AHEAD; i++) this.tell({ kind: 'more' });
    for (;;) {
      const report = await this.next();
      if (report.kind !== 'page') return;
      this.tell({ kind: 'more' });
      yield unpackEntries(report.packed);
    }
  }

  /** The thread has left the database when it resolves. */
  async stop(): Promise<void> {
    if (this.isOver) return;
    this.tell({ kind: 'stop' });
    while (!this.isOver && !this.isStopped) await this.change();
    await this.worker.terminate();
  }

  private tell(order: ReadingOrder): void {
    this.worker.postMessage(order);
  }

  private take(report: ReadingReport): void {
    if (report.kind === 'ready') this.isReady = true;
    else if (report.kind === 'failed') this.fail(Object.assign(new Error(report.message), { code: report.code }));
    else if (report.kind === 'stopped') this.isStopped = true;
    else this.reports.push(report);
    this.wake();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.wake();
  }

  private async next(): Promise<ReadingReport> {
    for (;;) {
      const report = this.reports.shift();
      if (report !== undefined) return report;
      if (this.failure !== null) throw this.failure;
      if (this.isOver) throw new Error('the reading thread has ended');
      await this.change();
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
