/**
 * What was received of state transfers that were interrupted: their pages, so that the next one need not bring again what
 * the sender still holds. Bounded in bytes, and let go once we have seen all that they reflect, or after a while.
 */
import type { Engine } from '../core/contract.ts';
import { MalformedError } from '../core/index.ts';

/** A transfer under way holds all of its pages in any case; this much of it outlives it. */
const BYTES_MAX = 1024 * 1024 * 1024;
/** A peer that was lost is redialled every 30 s at least. */
const KEPT_MS_MAX = 10 * 60_000;

/** Between two looks at whether they are still of use. */
const LOOK_MS = 1000;

export class Interrupted {
  private readonly engine: Engine;
  private kept: readonly Uint8Array[] = [];
  private sinceMs = 0;
  private lookedMs = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  get pages(): readonly Uint8Array[] {
    return this.kept;
  }

  /** These stay for the next transfer; what is too much of all goes, the oldest first. */
  keep(pages: readonly Uint8Array[]): void {
    if (pages.length === 0) return;
    this.sinceMs = Date.now();
    let bytes = 0;
    this.kept = [...pages, ...this.kept].filter((page) => {
      bytes += page.length;
      return bytes <= BYTES_MAX;
    });
  }

  /** A transfer goes on with the others. */
  leave(rest: readonly Uint8Array[]): void {
    this.kept = rest;
  }

  /** What we have come to know otherwise, and what nobody has gone on with for long. */
  forgetStale(): void {
    const now = Date.now();
    if (this.kept.length === 0 || Math.abs(now - this.lookedMs) < LOOK_MS) return;
    this.lookedMs = now;
    const isLate = Math.abs(now - this.sinceMs) >= KEPT_MS_MAX;
    this.kept = isLate ? [] : this.kept.filter((page) => !this.isOver(page));
  }

  private isOver(page: Uint8Array): boolean {
    try {
      return this.engine.hasSeen(page);
    } catch (error) {
      // nobody has checked it yet
      if (error instanceof MalformedError) return true;
      throw error;
    }
  }
}
