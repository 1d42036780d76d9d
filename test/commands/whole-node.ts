/**
 * A node in this process with everything around it that INFO, MESH, SHUTDOWN and their like ask for: a mesh, a store
 * and a process whose answers the test sets, and that remember what was asked of them.
 */
import { openAccessControl } from '../../src/access-control.ts';
import type {
  MeshPeer,
  MeshService,
  MeshVerification,
  NodeService,
  Services,
  StoreService,
} from '../../src/commands/services.ts';
import { Configuration } from '../../src/config/configuration.ts';
import { createEngine, type Engine } from '../../src/core/index.ts';
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { RespServer } from '../../src/resp/server.ts';
import { commandRegistry, servicesOf } from '../conformance/services.ts';

export const PEER: MeshPeer = {
  peerId: '12D3KooWpeer',
  address: '/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWpeer',
  state: 'up',
  replica: '00000000000000b2',
  region: 'eu',
  zone: 'a',
  rttMs: 1.25,
  behind: 3,
  ahead: 4,
  lastSeenMs: 0,
  bytesIn: 100,
  bytesOut: 200,
};

/** A mesh in which every peer confirms what it is asked about as soon as `confirm` is called. */
export class ScriptedMesh implements MeshService {
  readonly peerId = '12D3KooWself';
  readonly cluster = 'test';
  paused = false;
  peerList: MeshPeer[] = [];
  confirmed = 0;
  /** What join() and forget() answer. */
  refusal: string | null = null;
  readonly asked: string[] = [];
  private waiting: (() => void)[] = [];

  addresses(): string[] {
    return ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWself'];
  }

  peers(): MeshPeer[] {
    return this.peerList;
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
  }

  async join(multiaddr: string): Promise<string | null> {
    this.asked.push(`join ${multiaddr}`);
    return this.refusal;
  }

  forget(peer: string): string | null {
    this.asked.push(`forget ${peer}`);
    return this.refusal;
  }

  confirmations(): number {
    return this.confirmed;
  }

  async waitFor(number: number, count: number, timeoutMs: number): Promise<number> {
    this.asked.push(`wait for txn ${number} on ${count} within ${timeoutMs}`);
    await new Promise<void>((done) => this.waiting.push(done));
    return this.confirmed;
  }

  confirm(count: number): void {
    this.confirmed = count;
    for (const done of this.waiting.splice(0)) done();
  }

  durableConfirmations(): number {
    return this.confirmed;
  }

  async waitForDurable(number: number, count: number, timeoutMs: number): Promise<number> {
    this.asked.push(`wait for txn ${number} on ${count} disks within ${timeoutMs}`);
    await new Promise<void>((done) => this.waiting.push(done));
    return this.confirmed;
  }

  members(): ReturnType<MeshService['members']> {
    return [];
  }

  statistics(): Record<string, number> {
    return { links: this.peerList.length, transfers_sent: 5, transfers_received: 6, pulls: 7 };
  }

  async verify(mend: boolean): Promise<MeshVerification> {
    this.asked.push(`verify ${mend}`);
    if (this.refusal !== null) throw new Error(this.refusal);
    return {
      ...{ slots: 16_384, damaged: 1, mended: mend ? 1 : 0 },
      peers: [{ peerId: '12D3KooWother', outcome: 'equal' }],
      keys: [{ database: 2, key: Buffer.from('k') }],
    };
  }
}

export class ScriptedStore implements StoreService {
  readonly directory = '';
  failure: string | null = null;
  readonly holdsReplies = false;
  lastSaveMs = 1_700_000_000_000;
  unsavedChanges = 12;
  saves = 0;
  isDurable = false;

  whenDurable(callback: (failed: boolean) => void): void {
    callback(this.failure !== null);
  }

  async save(): Promise<void> {
    if (this.failure !== null) throw new Error(this.failure);
    this.saves++;
  }

  statistics(): Record<string, number> {
    return { log_bytes: 2048, checkpoints: 2, checkpoint_in_progress: 0, last_checkpoint_ms: 1500 };
  }
}

export class WholeNode {
  readonly engine: Engine;
  readonly mesh = new ScriptedMesh();
  readonly store = new ScriptedStore();
  readonly services: Services;
  readonly shutdowns: object[] = [];
  /** Makes the node go on instead: tells all who asked for a shutdown. */
  readonly refuseShutdown: ((reason: string) => void)[] = [];
  readonly logged: string[] = [];
  private readonly server: RespServer;
  private readonly client: LocalClient;

  /** `directives` as in a config file. */
  constructor(directives: Readonly<Record<string, string>> = {}) {
    this.engine = createEngine({ replica: '00000000000000a1', hashSeed: 1 });
    this.engine.setNow(Date.now());
    this.engine.setStability('alone', 0);
    const node: NodeService = {
      version: '9.9.9',
      runId: 'f'.repeat(40),
      configFile: '/etc/starling.conf',
      port: 6400,
      region: 'eu',
      zone: 'b',
      shutdown: (options, refused) => {
        this.shutdowns.push(options);
        this.refuseShutdown.push(refused);
      },
      abortShutdown: () => this.refuseShutdown.length > 0,
      log: (message) => this.logged.push(message),
    };
    const settings = Object.entries(directives).map(([name, value]) => ({ name, value, from: 'a test' }));
    const config = new Configuration(settings);
    const around: Omit<Services, 'clients'> = { ...servicesOf(), config, mesh: this.mesh, store: this.store, node };
    const services = around as Services & { clients: RespServer };
    const warn = (message: string, error?: unknown) => {
      throw new Error(message, { cause: error });
    };
    const acl = openAccessControl(config, commandRegistry);
    this.server = new RespServer({ engine: this.engine, registry: commandRegistry, services, acl, warn });
    services.clients = this.server;
    this.services = services;
    this.client = this.connect();
  }

  connect(): LocalClient {
    return new LocalClient(this.server);
  }

  /** The reply to a command given as one line or as its arguments. An error is its text after a minus. */
  async run(...command: string[]): Promise<ReplyValue> {
    const reply = await this.client.run(...(command.length === 1 ? command[0].split(' ') : command));
    return reply instanceof ReplyError ? `-${reply.message}` : reply;
  }

  raw(...args: string[]): Promise<Buffer> {
    return this.client.raw(...args);
  }

  /** A reply of names and values in turn, as a record. */
  async fields(command: string): Promise<Record<string, ReplyValue>> {
    return recordOf(await this.run(command));
  }
}

/** Names and values in turn, as RESP2 has maps. */
export function recordOf(reply: ReplyValue): Record<string, ReplyValue> {
  if (!Array.isArray(reply)) throw new Error(`no fields: ${String(reply)}`);
  const record: Record<string, ReplyValue> = {};
  for (let i = 0; i < reply.length; i += 2) record[String(reply[i])] = reply[i + 1];
  return record;
}
