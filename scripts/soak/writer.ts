/** A client that writes to one node at a steady pace, and knows what was acknowledged. */
import { type NodeProcess, sleep } from '../../test/processes/node-process.ts';
import type { RespClient } from '../../test/processes/resp-client.ts';

const TICK_MS = 10;
const KEYS = 1000;

export class Writer {
  /** Increments of the key `counter` that were acknowledged. */
  increments = 0;
  writes = 0;
  private readonly client: RespClient;
  private readonly name: string;
  private readonly perSecond: number;
  private readonly write: Write;
  private readonly outstanding = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | null = null;
  private failure: Error | null = null;
  private sent = 0;
  private since = 0;

  private constructor(client: RespClient, name: string, perSecond: number, write: Write) {
    this.client = client;
    this.name = name;
    this.write = write;
    this.perSecond = perSecond;
  }

  static async start(node: NodeProcess, name: string, perSecond: number, write: Write = mixedWrite): Promise<Writer> {
    const writer = new Writer(await node.connect(), name, perSecond, write);
    writer.since = performance.now();
    writer.timer = setInterval(() => writer.sendDue(), TICK_MS);
    return writer;
  }

  /** Sends no more and waits for all answers; throws if one was an error. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    // all but the last second's answers came long ago
    await Promise.race([Promise.all(this.outstanding), sleep(10_000)]);
    this.client.close();
    if (this.failure !== null) throw this.failure;
    if (this.outstanding.size > 0) throw new Error(`${this.outstanding.size} writes were not answered`);
  }

  private sendDue(): void {
    const due = Math.floor(((performance.now() - this.since) / 1000) * this.perSecond);
    for (; this.sent < due; this.sent++) {
      const answered = this.send(this.sent).catch((error: unknown) => {
        this.failure ??= error instanceof Error ? error : new Error(String(error));
      });
      this.outstanding.add(answered);
      void answered.then(() => this.outstanding.delete(answered));
    }
  }

  private async send(index: number): Promise<void> {
    const words = this.write(index, this.name);
    const answer = await this.client.command(...words);
    if (typeof answer === 'object' && answer !== null && 'error' in answer) {
      throw new Error(`${words.join(' ')} -> ${answer.error}`);
    }
    this.writes++;
    if (words[0] === 'INCR') this.increments++;
  }
}

/** Gives the words of write `index`; values begin with `name`. */
export type Write = (index: number, name: string) => string[];

/** One of each kind in turn: increment, set, add to a set, set a field, delete; on few keys, so that sides meet. */
export function mixedWrite(index: number, name: string): string[] {
  const item = `${Math.floor(Math.random() * KEYS)}`;
  const value = `${name}-${index}`;
  switch (index % 5) {
    case 0:
      return ['INCR', 'counter'];
    case 1:
      return ['SET', `string:${item}`, value];
    case 2:
      return ['SADD', `set:${item}`, `${index % 20}`];
    case 3:
      return ['HSET', `hash:${item}`, `${index % 20}`, value];
    default:
      return ['DEL', `${['string', 'set', 'hash'][Math.floor(index / 5) % 3]}:${item}`];
  }
}
