/**
 * What a command is. Each Redis command is one entry: its name, arity, flags, where its keys are, its ACL
 * categories, since when Redis has it, a line of summary, and the function that runs it. COMMAND, MULTI's
 * queueing, ACL, docs/compatibility.md and the differential test's grammar all read these entries.
 *
 * Handlers are synchronous: they read the database, call effects, write one reply, and return.
 */
import type { Database, Engine } from '../core/contract.ts';
import type { Slice } from '../core/slice.ts';
import type { AccessControl } from './acl/access-control.ts';
import type { Client } from './client.ts';
import type { Reply } from './reply.ts';
import type { Services } from './services.ts';

export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'loading'
  | 'stale'
  | 'fast'
  | 'no_auth'
  | 'blocking'
  | 'movablekeys'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'no_multi'
  | 'allow_busy'
  | 'protected';

/** Where the keys are among the arguments, as COMMAND INFO gives it: 0 0 0 for none; last may count from the end. */
export type KeyPositions =
  | readonly [first: number, last: number, step: number]
  /** Keys that only the arguments tell: fills `into` with argument positions. The triple is what COMMAND INFO shows. */
  | {
      readonly shown: readonly [number, number, number];
      find(args: readonly Slice[], argc: number, into: number[]): void;
      /** How the command uses the key at a position, in the words of key specifications, where those do not tell. */
      flagsOf?(position: number): readonly string[];
    };

export interface Command {
  /** Lower case. A container's sub-command is `container|sub`, as in Redis. */
  readonly name: string;
  /** Arguments including the name; negative: at least so many. */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly keys: KeyPositions;
  /** ACL categories without the @ that flags and keys do not imply already: 'string', 'keyspace', 'dangerous', … */
  readonly acl: readonly string[];
  readonly since: string;
  readonly summary: string;
  /** Big-O text of COMMAND DOCS. */
  readonly complexity?: string;
  readonly group:
    | 'string'
    | 'bitmap'
    | 'hash'
    | 'set'
    | 'generic'
    | 'connection'
    | 'server'
    | 'transactions'
    | 'list'
    | 'sorted-set'
    | 'stream'
    | 'pubsub'
    | 'scripting'
    | 'hyperloglog'
    | 'geo'
    | 'cluster';
  readonly subcommands?: readonly Command[];
  run(call: Call): void;
}

/**
 * One running command. There is one Call object a client, reused: nothing of it may be kept after run() returns.
 * args[0] is the command's own name as the client wrote it; only args[0..argc-1] are valid.
 */
export interface Call {
  readonly args: readonly Slice[];
  readonly argc: number;
  readonly client: Client;
  readonly engine: Engine;
  /** The client's selected database. */
  readonly db: Database;
  readonly reply: Reply;
  readonly services: Services;
  /** Who may do what on this node. */
  readonly acl: AccessControl;
  /** The entry being run (a sub-command's own entry where there is one). */
  readonly command: Command;
}
