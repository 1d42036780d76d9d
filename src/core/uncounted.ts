/**
 * Entries whose digest terms are not counted for now. An entry that is written again and again would cost two hashes
 * each time, to take the old term out and put the new one in; so its term is taken out once, and put back when
 * somebody asks for a digest. The list is bounded, so that a digest never costs more than some fifty milliseconds, and the
 * self-check counts some of it whenever it goes on. While it is full most other entries are counted at each write, and every
 * eighth takes the place of the oldest: so what is written most gets in after a while, and what is written once costs little.
 */
export interface Countable {
  /** Counts the entries of this hash that are not. */
  countAgain(hash: number): void;
}

const UNCOUNTED_MAX = 1 << 17;
const REFUSED_BETWEEN = 7;

export class Uncounted {
  private readonly tables: Countable[] = [];
  private readonly hashes: number[] = [];
  private oldest = 0;
  private refused = 0;

  /** False: the entry must stay counted. */
  add(table: Countable, hash: number): boolean {
    const { tables, hashes } = this;
    if (tables.length < UNCOUNTED_MAX) {
      tables.push(table);
      hashes.push(hash);
      return true;
    }
    if (this.refused < REFUSED_BETWEEN) {
      this.refused++;
      return false;
    }
    this.refused = 0;
    tables[this.oldest].countAgain(hashes[this.oldest]);
    tables[this.oldest] = table;
    hashes[this.oldest] = hash;
    this.oldest = (this.oldest + 1) % UNCOUNTED_MAX;
    return true;
  }

  /** Counts all of them: digests are whole then. */
  settle(): void {
    this.settleSome(this.tables.length);
  }

  /** Counts so many of them, those first that came last. */
  settleSome(count: number): void {
    const { tables, hashes } = this;
    const left = Math.max(0, tables.length - count);
    for (let i = left; i < tables.length; i++) tables[i].countAgain(hashes[i]);
    tables.length = left;
    hashes.length = left;
    this.oldest = 0;
  }
}
