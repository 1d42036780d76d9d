/**
 * One node in this process, with a clock and a randomness that the test sets. Commands go through the very session
 * code that serves sockets; what they cannot be asked for is looked up in the engine and in the statistics.
 */
import type { Services } from '../../src/commands/services.ts';
import { createEngine, type Engine, Slice } from '../../src/core/index.ts';
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { RespServer } from '../../src/resp/server.ts';
import { commandRegistry, servicesOf } from '../conformance/services.ts';

const START_MS = Date.UTC(2026, 0, 1);

export class SingleNode {
  readonly engine: Engine;
  readonly services: Services;
  now = START_MS;
  random: () => number = () => 0.5;
  private readonly client: LocalClient;

  constructor() {
    this.engine = createEngine({ replica: '00000000000000a1', hashSeed: 1 });
    this.engine.setNow(this.now);
    this.engine.setStability('alone', 0);
    this.services = { ...servicesOf(), random: () => this.random() };
    const warn = (message: string, error?: unknown) => {
      throw new Error(message, { cause: error });
    };
    this.client = new LocalClient(
      new RespServer({ engine: this.engine, registry: commandRegistry, services: this.services, warn }),
    );
  }

  /** The reply to a command given as one line (words between blanks) or as its arguments. An error is its text. */
  async run(...command: (string | Buffer)[]): Promise<ReplyValue> {
    const [line] = command;
    const args = command.length === 1 && typeof line === 'string' ? line.split(' ') : command;
    const realNow = Date.now;
    Date.now = () => this.now;
    try {
      const reply = await this.client.run(...args);
      return reply instanceof ReplyError ? `-${reply.message}` : reply;
    } finally {
      Date.now = realNow;
    }
  }

  /** Runs lines one after the other and gives the last reply. */
  async runAll(...lines: string[]): Promise<ReplyValue> {
    let reply: ReplyValue = null;
    for (const line of lines) reply = await this.run(line);
    return reply;
  }

  /** The members of a reply that is an array of strings, sorted. */
  async sorted(...command: string[]): Promise<string[]> {
    const reply = await this.run(...command);
    if (!Array.isArray(reply)) throw new Error(`no array: ${String(reply)}`);
    return reply.map(String).sort();
  }

  addMembers(key: string, members: readonly string[]): void {
    this.engine.begin();
    for (const member of members) this.engine.databases[0].sets.add(Slice.of(key), Slice.of(member));
    this.engine.commit();
  }

  setField(key: string, field: string, value: string, deadline = -1): void {
    this.engine.begin();
    this.engine.databases[0].hashes.set(Slice.of(key), Slice.of(field), Slice.of(value), deadline);
    this.engine.commit();
  }
}
