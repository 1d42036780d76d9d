/** The clients of a run: each stays with its machine, asks one thing at a time, thinks, and comes back after a crash. */
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import { SimulatedClient } from './client.ts';
import type { Call, History } from './history.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { Circumstances, Family } from './workload.ts';
import { IDLE, type World } from './world.ts';

const RECONNECT_MS = 50;
/** After so many calls of a run its clients think longer: three runs of a hundred took a third of all the time. */
const HASTY_CALLS = 4000;
const PATIENCE = 20;

export interface Rules {
  readonly always: boolean;
  readonly thinkMs: number;
  readonly families: readonly (readonly [Family, number])[];
}

export class Clients {
  readonly names: string[] = [];
  /** False: they rest. */
  working = true;
  /** The call that a machine runs at this very moment, if any. */
  running: Call | null = null;
  clocksAgree = true;
  disksKeep = true;
  /** Nobody is forgotten. */
  membersStay = true;
  private readonly world: World;
  private readonly history: History;
  private readonly rules: Rules;
  private readonly random: Random;

  constructor(world: World, history: History, rules: Rules, random: Random) {
    this.world = world;
    this.history = history;
    this.rules = rules;
    this.random = random;
  }

  /** One more client, of that machine. */
  add(machine: Machine): void {
    const name = `${machine.name}${this.names.length}`;
    this.names.push(name);
    const random = this.random.fork();
    const connections = new Map<number, SimulatedClient>();
    let server: unknown = null;
    const turn = () => {
      const { node } = machine;
      if (!this.working) return;
      if (node === null || node.process.stoppedUntilMs > this.world.nowMs) {
        this.world.schedule(RECONNECT_MS, null, turn);
        return;
      }
      if (server !== node.server) connections.clear();
      server = node.server;
      const family = random.weighted(this.rules.families);
      let connection = connections.get(family.database);
      if (connection === undefined || connection.closed) {
        connection = this.world.as(node.process, () => new SimulatedClient(node.server));
        connections.set(family.database, connection);
        if (family.database !== 0) {
          this.world.as(node.process, () => connection?.ask([['SELECT', String(family.database)]], () => {}));
          this.world.schedule(this.think(random), null, turn);
          return;
        }
      }
      let answered = false;
      const next = () => {
        if (answered) return;
        answered = true;
        this.world.schedule(this.think(random), null, turn);
      };
      // a connection that is waited for in vain is left behind
      this.world.schedule(3000, null, () => {
        if (answered) return IDLE;
        connections.clear();
        next();
      });
      if (connection.busy) connections.delete(family.database);
      else this.call(name, machine, family, connection, random, next);
    };
    this.world.schedule(this.think(random), null, turn);
  }

  private think(random: Random): number {
    const factor = this.history.calls.length < HASTY_CALLS ? 1 : PATIENCE;
    return random.exponential(this.rules.thinkMs * factor);
  }

  private call(
    name: string,
    machine: Machine,
    family: Family,
    connection: SimulatedClient,
    random: Random,
    next: () => void,
  ): void {
    const { world, history } = this;
    const { process } = machine;
    const at = (): Circumstances => ({
      client: name,
      machine: machine.index,
      incarnation: `${machine.name}.${machine.starts}`,
      nowMs: world.wallMs(machine.clock),
      clocksAgree: this.clocksAgree,
      always: this.rules.always,
      disksKeep: this.disksKeep,
      membersStay: this.membersStay,
      clients: this.names,
    });
    const { commands, check } = family.draw(random, at());
    const call: Call = {
      ...{ client: name, machine: machine.index, family: family.name, database: family.database, commands },
      ...{ sentMs: world.nowMs, replies: null, answeredMs: 0, txns: [], excused: false, unmendable: false },
    };
    history.calls.push(call);
    world.as(process, () => {
      this.running = call;
      try {
        connection.ask(commands, (replies) => {
          call.replies = replies;
          call.answeredMs = world.nowMs;
          for (const reply of replies) world.noteText(String(reply));
          if (failedToPersist(replies)) call.excused = true;
          else this.judge(() => check(replies, at()));
          next();
        });
      } finally {
        this.running = null;
      }
    });
  }

  /** A violation is the run's, not the session's that it was found in. */
  private judge(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.world.faults.push(error);
    }
  }
}

/** Nothing is promised by these words. */
export function failedToPersist(replies: readonly ReplyValue[]): boolean {
  return replies.some(
    (reply) => reply instanceof ReplyError && /^(MISCONF|EXECABORT|NOREPLICAS|LOADING)/.test(reply.message),
  );
}
