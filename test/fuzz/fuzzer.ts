/**
 * The fuzzer: changes inputs that are known, runs them, and keeps those that reach blocks of the source that none before
 * has reached. Inputs run in batches, since asking V8 for its counters costs as much as a hundred runs; a batch that has
 * reached something new is cut in halves until it is known which of its inputs did. All it draws comes from one seed.
 */
import { Random } from '../simulation/random.ts';
import { readCorpus } from './corpus.ts';
import type { Coverage } from './coverage.ts';
import { type Finding, runWithin } from './limits.ts';
import { Mutator } from './mutator.ts';
import type { Target } from './target.ts';

const BATCH = 64;
/** Distinct findings after which a campaign ends: there is enough to mend. */
const FINDINGS_MAX = 10;
const MINIMIZING_RUNS_MAX = 400;

export interface Found extends Finding {
  readonly bytes: Buffer;
}

export interface FuzzerOptions {
  readonly target: Target;
  readonly coverage: Coverage;
  readonly seed: number;
  /** Called before each run with the input: what it leaves behind tells of a run that never ends. */
  onRun(bytes: Buffer): void;
}

export class Fuzzer {
  executions = 0;
  readonly findings: Found[] = [];
  /** Inputs of which each reaches something that those before it do not. */
  readonly pool: Buffer[] = [];
  private readonly options: FuzzerOptions;
  private readonly random: Random;
  private readonly mutator: Mutator;

  constructor(options: FuzzerOptions) {
    this.options = options;
    this.random = new Random(options.seed);
    this.mutator = new Mutator(this.random, options.target.words);
  }

  /** Runs the seeds and everything in the corpus, and begins to look at what is reached. */
  async replay(): Promise<void> {
    const { target, coverage } = this.options;
    const inputs = [...target.seeds(), ...readCorpus(target.name).map(({ bytes }) => bytes)];
    coverage.begin(target.guidedBy);
    for (const bytes of inputs) {
      await this.run(bytes);
      const taken = coverage.take();
      coverage.add(taken);
      this.pool.push(bytes);
    }
  }

  /** Goes on until `isOver` says so. */
  async fuzz(isOver: () => boolean): Promise<void> {
    const { coverage } = this.options;
    while (!isOver() && this.findings.length < FINDINGS_MAX) {
      const batch: Buffer[] = [];
      for (let i = 0; i < BATCH && !isOver(); i++) {
        const bytes = this.draw();
        batch.push(bytes);
        await this.run(bytes);
      }
      const taken = coverage.take();
      if (!coverage.isNew(taken)) continue;
      await this.attribute(batch);
      coverage.add(taken);
    }
  }

  /** The smallest inputs that together reach all that the pool does. */
  async distil(): Promise<Buffer[]> {
    const { target, coverage } = this.options;
    const needed: Buffer[] = [];
    coverage.begin(target.guidedBy);
    for (const bytes of [...this.pool].sort((a, b) => a.length - b.length)) {
      await this.run(bytes);
      const taken = coverage.take();
      if (!coverage.isNew(taken)) continue;
      coverage.add(taken);
      needed.push(bytes);
    }
    return needed;
  }

  private draw(): Buffer {
    const { random, mutator } = this;
    const { target } = this.options;
    const bytes = this.pick();
    const other = this.pick();
    const scramble = (piece: Buffer) => mutator.mutate(piece, other, target.bytesMax);
    if (target.mutate === undefined || random.chance(0.3)) return scramble(bytes);
    const changed = target.mutate(Buffer.from(bytes), { random, other, scramble });
    return changed.subarray(0, target.bytesMax);
  }

  /** What came last is looked at most, since it has been changed least; and what is short, since it costs least. */
  private pick(): Buffer {
    const { random, pool } = this;
    const any = () => pool[random.below(pool.length)];
    const recent = () => pool[pool.length - 1 - random.below(Math.min(pool.length, 20))];
    const [first, second] = random.chance(0.5) ? [any(), any()] : [recent(), any()];
    return random.chance(0.9) === first.length <= second.length ? first : second;
  }

  /** Finds out which of the inputs have reached something new. */
  private async attribute(inputs: readonly Buffer[]): Promise<void> {
    const { coverage } = this.options;
    if (inputs.length === 1) {
      this.pool.push(inputs[0]);
      coverage.add(await this.reachOf(inputs));
      return;
    }
    const middle = inputs.length >> 1;
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      if (coverage.isNew(await this.reachOf(half))) await this.attribute(half);
    }
  }

  private async reachOf(inputs: readonly Buffer[]): Promise<ReturnType<Coverage['take']>> {
    this.options.coverage.take();
    for (const bytes of inputs) await this.run(bytes);
    return this.options.coverage.take();
  }

  private async run(bytes: Buffer): Promise<void> {
    const finding = await this.execute(bytes);
    if (finding === null || this.findings.some(({ signature }) => signature === finding.signature)) return;
    // noted first: minimizing runs inputs that fail in the same way
    const at = this.findings.push({ ...finding, bytes }) - 1;
    this.findings[at] = await this.minimize({ ...finding, bytes });
  }

  private execute(bytes: Buffer): Promise<Finding | null> {
    this.executions++;
    this.options.onRun(bytes);
    return runWithin(this.options.target, bytes);
  }

  /** Leaves out what can be left out. Not of a hang: each try would take as long. */
  private async minimize(found: Found): Promise<Found> {
    if (found.kind === 'hang') return found;
    let smallest = found;
    let runs = 0;
    for (let size = found.bytes.length >> 1; size > 0; size >>= 1) {
      for (let at = 0; at + size <= smallest.bytes.length && runs < MINIMIZING_RUNS_MAX; ) {
        const { bytes } = smallest;
        const shorter = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + size)]);
        runs++;
        const finding = await this.execute(shorter);
        if (finding?.signature === found.signature) smallest = { ...finding, bytes: shorter };
        else at += size;
      }
    }
    return smallest;
  }
}
