/**
 * A client that writes what the ledger draws to one node, whichever process that is at the moment, at a steady pace and
 * many at a time. What is not answered when the connection is lost is in doubt, and it connects again.
 */
import { type Draft, errorOf, type Ledger } from './ledger.ts';
import { type NodeProcess, sleep } from './node-process.ts';
import type { RespClient } from './resp-client.ts';

export interface WriterOptions {
  readonly name: string;
  readonly perSecond: number;
  /** An error reply ends the run, unless it is expected: then the write is in doubt. */
  readonly errorsExpected?: boolean;
}

const TICK_MS = 10;
/** While the node is away not more than so much is saved up. */
const SAVED_UP_MS = 100;
/** Unanswered writes; a stalled node gets no more. */
const OUTSTANDING_MAX = 2000;

export class LedgerWriter {
  /** Error replies. */
  errors = 0;
  lastError = '';
  private readonly node: () => NodeProcess;
  private readonly ledger: Ledger;
  private readonly options: WriterOptions;
  private readonly outstanding = new Set<Promise<void>>();
  private client: RespClient | null = null;
  private over = false;
  private readonly work: Promise<void>;

  private constructor(node: () => NodeProcess, ledger: Ledger, options: WriterOptions) {
    this.node = node;
    this.ledger = ledger;
    this.options = options;
    this.work = this.run();
    // its outcome is told by stop()
    this.work.catch(() => undefined);
  }

  static start(node: () => NodeProcess, ledger: Ledger, options: WriterOptions): LedgerWriter {
    return new LedgerWriter(node, ledger, options);
  }

  /** Sends no more, and resolves when every write has its answer or will get none; throws if one was an error. */
  async stop(): Promise<void> {
    this.quit();
    await this.work;
  }

  /** Sends no more. */
  quit(): void {
    this.over = true;
  }

  private async run(): Promise<void> {
    const { perSecond } = this.options;
    let credit = 0;
    let before = performance.now();
    while (!this.over) {
      await sleep(TICK_MS);
      const now = performance.now();
      credit = Math.min((perSecond * SAVED_UP_MS) / 1000, credit + ((now - before) * perSecond) / 1000);
      before = now;
      this.client ??= await this.node()
        .connect()
        .catch(() => null);
      for (; this.client !== null && credit >= 1 && !this.over; credit--) {
        if (this.outstanding.size >= OUTSTANDING_MAX) break;
        this.send(this.client);
      }
    }
    await Promise.all(this.outstanding);
    this.client?.close();
    if (this.errors > 0 && this.options.errorsExpected !== true) throw new Error(this.lastError);
  }

  private send(client: RespClient): void {
    const draft: Draft = this.ledger.draw(this.options.name);
    const { words } = draft.entry;
    const answered = client.command(...words).then(
      (answer) => {
        draft.settle(answer);
        const error = errorOf(answer);
        if (error === null) return;
        this.errors++;
        this.lastError = `${words.join(' ')} -> ${error}`;
      },
      () => {
        draft.settle(null);
        if (this.client === client) this.client = null;
      },
    );
    this.outstanding.add(answered);
    void answered.then(() => this.outstanding.delete(answered));
  }
}

/**
 * Has a writer for each node, whichever process stands in the list at the moment, as long as `work` goes on; resolves
 * when every write has its answer or will get none.
 */
export async function whileWriting<T>(
  nodes: readonly NodeProcess[],
  ledger: Ledger,
  options: Omit<WriterOptions, 'name'>,
  work: () => Promise<T>,
): Promise<T> {
  const writers = nodes.map((_, index) =>
    LedgerWriter.start(() => nodes[index], ledger, { ...options, name: `w${index}` }),
  );
  let outcome: T;
  try {
    outcome = await work();
  } catch (error) {
    // it tells more than what follows from it
    for (const writer of writers) writer.quit();
    throw error;
  }
  await Promise.all(writers.map((writer) => writer.stop()));
  return outcome;
}

/** One write outside of the pace, which must be answered well. */
export async function writeNow(node: NodeProcess, draft: Draft): Promise<void> {
  draft.settle(await node.must(...draft.entry.words));
}
