/**
 * The keys that should go first, of all that were drawn lately: what a few samples find is remembered from one eviction
 * to the next, so that the choice gets near to the one that a look at all keys would make.
 */
export interface Chosen {
  readonly database: number;
  readonly key: Buffer;
  readonly dispensable: number;
}

const KEPT = 16;

export class Candidates {
  /** The most dispensable last. */
  private readonly chosen: Chosen[] = [];

  get size(): number {
    return this.chosen.length;
  }

  /** Is asked before a key is copied. */
  accepts(dispensable: number): boolean {
    return this.chosen.length < KEPT || dispensable > this.chosen[0].dispensable;
  }

  add(candidate: Chosen): void {
    const { chosen } = this;
    if (chosen.some(({ database, key }) => database === candidate.database && key.equals(candidate.key))) return;
    let place = chosen.length;
    while (place > 0 && chosen[place - 1].dispensable > candidate.dispensable) place--;
    chosen.splice(place, 0, candidate);
    if (chosen.length > KEPT) chosen.shift();
  }

  /** Takes out the one that should go first. */
  take(): Chosen | undefined {
    return this.chosen.pop();
  }

  /** They were chosen by another measure. */
  clear(): void {
    this.chosen.length = 0;
  }
}
