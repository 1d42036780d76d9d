/**
 * What happened in a run, seen from outside: every call of every client with its replies, every txn with its dot and
 * context, every envelope. Checkers read it; nothing in it comes from the state that they judge.
 */
import type { VersionVector } from '../../src/core/index.ts';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { Oracle, SPECIFIED_DATABASE } from './oracle.ts';

/** A txn as its author committed it. */
export interface CommittedTxn {
  readonly replica: string;
  readonly number: number;
  readonly stamp: number;
  /** The author's vector just before it. */
  readonly context: ReadonlyMap<string, number>;
  /** The author's wall clock. */
  readonly nowMs: number;
  /** Null: the node's own work (expiry). */
  readonly call: Call | null;
}

/** One request of a client: a command, or MULTI to EXEC. */
export interface Call {
  readonly client: string;
  readonly machine: number;
  readonly family: string;
  readonly database: number;
  readonly commands: readonly (readonly string[])[];
  readonly sentMs: number;
  /** Null: no answer came. */
  replies: ReplyValue[] | null;
  answeredMs: number;
  readonly txns: CommittedTxn[];
  /** The answer promised nothing (an error), or what it promised was allowed to be lost. */
  excused: boolean;
  /** A keepsake that was damaged on one machine, and whole on no other any more before that was mended. */
  unmendable: boolean;
}

export class Violation extends Error {
  override name = 'Violation';
}

/** Fails the run. `invariant`: its id in docs/guarantees.md. */
export function violated(invariant: string, what: string): never {
  throw new Violation(`${invariant}: ${what}`);
}

export class History {
  readonly calls: Call[] = [];
  readonly txns: CommittedTxn[] = [];
  /** Of the one database that it specifies. */
  readonly oracle = new Oracle();
  /** Invariant I10: by replica and first number, what the envelope is. */
  private readonly envelopes = new Map<string, { last: number; hash: number }>();
  private readonly numbers = new Map<string, number>();
  /** By replica: the machine. */
  private readonly authors = new Map<string, number>();

  commit(vector: VersionVector, replica: string, machine: number, nowMs: number, call: Call | null): void {
    const own = vector.find((entry) => entry.replica === replica);
    if (own === undefined) violated('I10', `a txn of ${replica} that its own vector does not know`);
    const last = this.numbers.get(replica) ?? 0;
    if (own.number !== last + 1) violated('I10', `${replica} issued txn ${own.number} after ${last}`);
    this.numbers.set(replica, own.number);
    const context = new Map(vector.map((entry) => [entry.replica, entry.number]));
    context.set(replica, own.number - 1);
    const txn = { replica, number: own.number, stamp: own.stamp, context, nowMs, call };
    this.authors.set(replica, machine);
    if (call?.database === SPECIFIED_DATABASE) {
      const solitary = vector.every((entry) => this.authors.get(entry.replica) === machine);
      this.oracle.add({
        ...txn,
        solitary,
        commands: call.commands.filter(([word]) => word !== 'MULTI' && word !== 'EXEC'),
      });
    }
    this.txns.push(txn);
    call?.txns.push(txn);
  }

  envelope(replica: string, first: number, last: number, bytes: Uint8Array): void {
    const name = `${replica} ${first}`;
    const known = this.envelopes.get(name);
    const hash = hashOf(bytes);
    if (known === undefined) this.envelopes.set(name, { last, hash });
    else if (known.last !== last || known.hash !== hash)
      violated('I10', `two envelopes under ${name}: to ${known.last} and to ${last}`);
  }
}

function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
  return hash;
}
