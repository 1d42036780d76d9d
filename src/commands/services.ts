/**
 * What a command may ask of the node around it. The composition root (starling.ts) fills this in; a handler
 * never reaches for a global. Each part is an interface, so tests can give their own.
 */
import type { VersionVector } from '../core/contract.ts';
import type { Slice } from '../core/slice.ts';
import type { KeyChanges } from './changes/key-changes.ts';
import type { Client } from './client.ts';
import type { Eviction } from './eviction/eviction.ts';
import type { KeyWaits } from './key-waits.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import type { LatencyMonitor } from './latency-monitor.ts';
import type { OutboundService } from './migration/outbound.ts';
import type { Monitors } from './monitors.ts';
import type { Reply } from './reply.ts';
import type { SlowLog } from './slow-log.ts';
import type { Call, Command } from './table.ts';

export interface Services {
  readonly config: ConfigService;
  readonly clients: ClientRegistry;
  readonly commands: CommandRegistry;
  readonly statistics: ServerStatistics;
  readonly mesh: MeshService;
  readonly store: StoreService;
  readonly node: NodeService;
  readonly slowLog: SlowLog;
  readonly pubsub: PubSubService;
  readonly monitors: Monitors;
  readonly keyWaits: KeyWaits;
  readonly changes: KeyChanges;
  readonly eviction: Eviction;
  readonly latency: LatencyMonitor;
  readonly outbound: OutboundService;
  readonly scripting: ScriptingService;
  /** [0, 1). */
  random(): number;
  /** Microseconds, monotonic. */
  monotonicMicros(): number;
}

export interface ConfigService {
  /** The value as CONFIG GET shows it; undefined for an unknown name. */
  get(name: string): string | undefined;
  /** Names that match a glob (Redis's stringmatch), case ignored, sorted. */
  match(pattern: string): string[];
  /** All or nothing. Null, or the error text after 'ERR ' as Redis words it. */
  set(pairs: readonly (readonly [name: string, value: string])[]): string | null;
  /** Writes the config file. Null, or the error text after 'ERR '. */
  rewrite(): string | null;
  /** Calls back after each directive that set() has changed. */
  onChange(listener: (name: string, value: string) => void): void;
  /** Typed short cuts for what the hot path reads; kept up to date by set(). */
  readonly limits: {
    protoMaxBulkLength: number;
    maxClients: number;
    maxMemoryBytes: number;
    /** Of all clients together; 0: no limit. */
    maxClientsBytes: number;
    /** Hard limits of `client-output-buffer-limit`; 0: none. */
    normalOutputBytesMax: number;
    pubsubOutputBytesMax: number;
    /** What a client may send before it is dealt with. */
    queryBytesMax: number;
    /** While the default user needs no password, only clients from this host are served. */
    protectedMode: boolean;
    timeoutSeconds: number;
    debugCommand: boolean;
    databases: number;
  };
}

export interface ClientRegistry {
  readonly count: number;
  forEach(visit: (client: Client) => void): void;
  /** CLIENT PAUSE: until when (UNIX ms) writes, or all commands, wait. */
  pauseUntil(untilMs: number, writesOnly: boolean): void;
  unpause(): void;
  find(id: number): Client | undefined;
}

export interface CommandRegistry {
  /** By lower-case name, 'container|sub' included. */
  find(name: string): Command | undefined;
  all(): readonly Command[];
}

/** What is counted of one command. */
export interface CommandTally {
  calls: number;
  micros: number;
  rejected: number;
  failed: number;
  readonly latencies: LatencyHistogram;
}

export interface ServerStatistics {
  readonly startedAtMs: number;
  connectionsReceived: number;
  connectionsRejected: number;
  commandsProcessed: number;
  keyspaceHits: number;
  keyspaceMisses: number;
  /** Times that something was read from, or written to, a client. */
  reads: number;
  writes: number;
  queryLimitDisconnections: number;
  outputLimitDisconnections: number;
  expireCycleMs: number;
  evictedKeys: number;
  evictedClients: number;
  /** For how long there was more data than `maxmemory` allows, what goes on not included. */
  evictionExceededMicros: number;
  inputBytes: number;
  outputBytes: number;
  errorReplies: number;
  unexpectedErrorReplies: number;
  instantaneousOpsPerSecond: number;
  instantaneousInputKbps: number;
  instantaneousOutputKbps: number;
  /** By error prefix ('ERR', 'WRONGTYPE'). */
  readonly errors: Map<string, number>;
  /** By the text of an error reply. */
  countError(text: string): void;
  readonly commandCalls: Map<string, CommandTally>;
  reset(): void;
}

export interface MeshPeer {
  peerId: string;
  address: string;
  /** 'up' while connected. */
  state: 'up' | 'down';
  replica: string;
  region: string;
  zone: string;
  rttMs: number;
  /** Txns of ours that it has not confirmed, and txns it announced that we lack. */
  behind: number;
  ahead: number;
  lastSeenMs: number;
  bytesIn: number;
  bytesOut: number;
}

export interface MeshService {
  readonly peerId: string;
  readonly cluster: string;
  /** Full multiaddrs, with /p2p/. */
  addresses(): string[];
  peers(): MeshPeer[];
  readonly paused: boolean;
  /** DEBUG REPLICATION PAUSE|RESUME: all exchange with peers in both directions. */
  setPaused(paused: boolean): void;
  /** Null when dialled and reached, else the reason. */
  join(multiaddr: string): Promise<string | null>;
  /** Null, or the reason. `peer` is a peer id or replica id. */
  forget(peer: string): string | null;
  /** Members, live or not, whose vector covers `vector` for our own replica: WAIT counts these. */
  confirmations(number: number): number;
  /** Resolves when `count` peers confirmed txn `number` of ours, or at the time limit (0: none); gives how many did. */
  waitFor(number: number, count: number, timeoutMs: number): Promise<number>;
  /** The same of members on whose disk it is. */
  durableConfirmations(number: number): number;
  waitForDurable(number: number, count: number, timeoutMs: number): Promise<number>;
  members(): { peerId: string; replica: string; vector: VersionVector; lastSeenMs: number }[];
  /** Checks all data here, compares it with that of every connected peer, and, with `mend`, puts right what is wrong. */
  verify(mend: boolean): Promise<MeshVerification>;
  statistics(): Record<string, number>;
}

/** What CRDT VERIFY shows. */
export interface MeshVerification {
  /** Slots looked at; those that were damaged, and of them those that have been mended. */
  readonly slots: number;
  readonly damaged: number;
  readonly mended: number;
  readonly peers: readonly { readonly peerId: string; readonly outcome: 'equal' | 'differs' | 'not comparable' }[];
  /** Damaged or differing, as far as a peer's copy tells; the first hundred. */
  readonly keys: readonly { readonly database: number; readonly key: Buffer }[];
}

/** Patterns are matched against channels; sharded channels stand apart from both. In the order of their numbers on the wire. */
export const SUBSCRIPTION_KINDS = ['channel', 'pattern', 'shard'] as const;
export type SubscriptionKind = (typeof SUBSCRIPTION_KINDS)[number];

/** Who hears of messages: a client. */
export interface Subscriber {
  /** `pattern`: by which subscription of its own, if not by the channel's. The bytes are valid until this returns. */
  deliver(kind: 'channel' | 'shard', channel: Uint8Array, message: Uint8Array, pattern: Uint8Array | null): void;
}

/** Publish and subscribe, over all nodes that can be reached. */
export interface PubSubService {
  /** False if it was subscribed already. */
  subscribe(kind: SubscriptionKind, name: Uint8Array, subscriber: Subscriber): boolean;
  /** False if it was not. */
  unsubscribe(kind: SubscriptionKind, name: Uint8Array, subscriber: Subscriber): boolean;
  /** How many clients get it: of this node, and of the others as far as they have told of theirs. */
  publish(kind: 'channel' | 'shard', channel: Uint8Array, message: Uint8Array): number;
  /** To clients of this node only. */
  publishHere(channel: Uint8Array, message: Uint8Array): void;
  /** Names that anybody listens to, as latin1 text, in no order. */
  names(kind: SubscriptionKind): string[];
  /** How many clients listen to that name. */
  count(kind: SubscriptionKind, name: Uint8Array): number;
}

/** A script's call, as EVAL and FCALL give it. Keys are args[first .. first + keyCount), the rest are its other arguments. */
export interface ScriptCall {
  readonly call: Call;
  readonly first: number;
  readonly keyCount: number;
  /** EVAL_RO and its kin: nothing may be written. */
  readonly readOnly: boolean;
}

/** A script that is past its time and waits for its next turn. */
export interface SuspendedScript {
  /** `write` gives the reply, within the txn in which the script has ended. */
  onEnd(listener: (write: (reply: Reply) => void) => void): void;
}

/** Lua scripts and libraries of functions. */
export interface ScriptingService {
  /** While a script is past its time: what everybody else is told. */
  readonly busy: string | null;
  /** The script that the command that has just run has started and that goes on later. */
  readonly suspended: SuspendedScript | null;
  /** For tests: scripts may run commands that are none for scripts. */
  allowsAll: boolean;
  /** Runs a script; the reply is written unless `suspended`. */
  evaluate(source: Buffer, script: ScriptCall): void;
  evaluateCached(sha: string, script: ScriptCall): void;
  /** Keeps a script: its sha, or the error. */
  load(source: Buffer): { readonly sha: string } | { readonly error: string };
  isCached(sha: string): boolean;
  flush(): void;
  /** True of a command that runs a script which does not say that it writes nothing. */
  mayWrite(command: Command, args: readonly Slice[], call: Call): boolean;
  /** Ends what runs: the node stops. */
  stop(): void;
  /** SCRIPT KILL and FUNCTION KILL: null, or the error. */
  kill(kind: 'script' | 'function'): string | null;
  readonly functions: FunctionsService;
  /** Fields of INFO memory. */
  statistics(): ScriptingStatistics;
}

/** FUNCTION LIST tells of it. */
export interface LibraryDescription {
  readonly name: string;
  readonly source: Buffer;
  readonly functions: readonly {
    readonly name: string;
    readonly description: string | null;
    readonly flags: readonly string[];
  }[];
}

/** Libraries of functions: data of the whole mesh, and yet in no database. Errors are texts of replies. */
export interface FunctionsService {
  /** The library's name. */
  load(call: Call, source: Buffer, replace: boolean): { readonly name: string } | { readonly error: string };
  /** False if there is no such library. */
  remove(call: Call, name: string): boolean;
  clear(call: Call): void;
  /** All or none of them. */
  restore(call: Call, sources: readonly Buffer[], policy: 'flush' | 'append' | 'replace'): string | null;
  list(call: Call): readonly LibraryDescription[];
  has(call: Call, functionName: string): boolean;
  /** Of a function: what it says of itself; undefined if there is none of that name. */
  flagsOf(call: Call, functionName: string): ReadonlySet<string> | undefined;
  /** Runs a function as ScriptingService does a script. */
  run(name: string, script: ScriptCall): void;
  /** The function that runs past its time. */
  readonly running: { readonly name: string; readonly words: readonly Buffer[]; readonly durationMs: number } | null;
}

export interface ScriptingStatistics {
  readonly cachedScripts: number;
  readonly functions: number;
  readonly libraries: number;
  /** Of the interpreters, and of what is kept of scripts and functions beside them. */
  readonly evalInterpreterBytes: number;
  readonly functionInterpreterBytes: number;
  readonly scriptBytes: number;
  readonly functionBytes: number;
}

export interface StoreService {
  readonly directory: string;
  /** Null while writes are possible; else why -MISCONF. */
  readonly failure: string | null;
  /** True under `appendfsync always`: a write's reply may leave only after whenDurable() has called back. */
  readonly holdsReplies: boolean;
  /** Seals the open envelope and calls back once everything committed so far is on disk (or the store has failed: then `failed` is true). */
  whenDurable(callback: (failed: boolean) => void): void;
  /** All that was committed so far is on disk. */
  readonly isDurable: boolean;
  readonly lastSaveMs: number;
  readonly unsavedChanges: number;
  /** Writes out all state now (SAVE, BGSAVE, SHUTDOWN). */
  save(): Promise<void>;
  statistics(): Record<string, number>;
}

export interface NodeService {
  readonly version: string;
  /** 40 hex digits, new each start (INFO run_id). */
  readonly runId: string;
  readonly configFile: string;
  readonly port: number;
  /** SHUTDOWN: stops gracefully, then the process exits with 0; or the node goes on, and `refused` is told why. */
  shutdown(options: { save: boolean; now: boolean; force: boolean }, refused: (reason: string) => void): void;
  /** SHUTDOWN ABORT. False if no shutdown is in progress. */
  abortShutdown(): boolean;
  readonly region: string;
  readonly zone: string;
  /** Writes a line to the node's log. */
  log(message: string): void;
}
