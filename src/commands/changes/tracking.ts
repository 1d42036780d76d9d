/**
 * Client-side caching: which client may have which key in its cache, and the invalidations when a key changes, here or on
 * another node. As in Redis a key is known by its name, whatever database it is in, and clients by their ids: who has gone
 * is forgotten when the key changes.
 */
import type { Client } from '../client.ts';
import type { Reply } from '../reply.ts';

export interface ClientTracking {
  /** The id of the client that is told instead; 0: itself. */
  redirect: number;
  broadcast: boolean;
  optIn: boolean;
  optOut: boolean;
  noLoop: boolean;
  /** CLIENT CACHING has been said, about the next command. */
  caching: boolean;
  /** That client has gone. */
  brokenRedirect: boolean;
  /** In latin1, of BCAST. */
  readonly prefixes: Set<string>;
}

interface Prefix {
  readonly clients: Set<Client>;
  /** Keys that have changed in this turn, and who changed them last. */
  readonly changed: Map<string, Client | null>;
}

const CHANNEL = '__redis__:invalidate';

export class Tracking {
  /** Of the table of keys; 0: as many as there are. */
  keysMax = 0;
  /** Somebody has begun to be tracked, or nobody is any more. */
  onSwitch: () => void = () => {};
  clientOf: (id: number) => Client | undefined = () => undefined;
  private readonly clients = new Set<Client>();
  /** By key, in latin1: ids of clients. */
  private readonly table = new Map<string, Set<number>>();
  private items = 0;
  private readonly prefixes = new Map<string, Prefix>();
  private scheduled = false;

  get isOn(): boolean {
    return this.clients.size > 0;
  }

  get clientCount(): number {
    return this.clients.size;
  }

  get keyCount(): number {
    return this.table.size;
  }

  get itemCount(): number {
    return this.items;
  }

  get prefixCount(): number {
    return this.prefixes.size;
  }

  enable(client: Client, options: Omit<ClientTracking, 'prefixes' | 'caching' | 'brokenRedirect'>): ClientTracking {
    const prefixes = client.tracking?.prefixes ?? new Set<string>();
    const tracking = { ...options, prefixes, caching: false, brokenRedirect: false };
    client.tracking = tracking;
    this.clients.add(client);
    if (this.clients.size === 1) this.onSwitch();
    return tracking;
  }

  addPrefix(client: Client, tracking: ClientTracking, prefix: string): void {
    tracking.prefixes.add(prefix);
    let known = this.prefixes.get(prefix);
    if (known === undefined) {
      known = { clients: new Set(), changed: new Map() };
      this.prefixes.set(prefix, known);
    }
    known.clients.add(client);
  }

  disable(client: Client): void {
    if (client.tracking === null) return;
    for (const prefix of client.tracking.prefixes) {
      const known = this.prefixes.get(prefix);
      known?.clients.delete(client);
      if (known?.clients.size === 0) this.prefixes.delete(prefix);
    }
    client.tracking = null;
    this.clients.delete(client);
    if (this.clients.size > 0) return;
    this.table.clear();
    this.items = 0;
    this.onSwitch();
  }

  /** The client has read a key, and may have it in its cache from now on. */
  remember({ id }: Client, key: string): void {
    let ids = this.table.get(key);
    if (ids === undefined) {
      ids = new Set();
      this.table.set(key, ids);
    }
    if (ids.has(id)) return;
    ids.add(id);
    this.items++;
  }

  /** True if a change of that key concerns anybody. */
  follows(key: string): boolean {
    if (this.table.has(key)) return true;
    for (const prefix of this.prefixes.keys()) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** A key has changed. `by`: the client whose command did it; null: another node, or time. */
  invalidate(key: string, by: Client | null): void {
    for (const [prefix, { changed }] of this.prefixes) if (key.startsWith(prefix)) changed.set(key, by);
    if (this.prefixes.size > 0) this.broadcastLater();
    const ids = this.table.get(key);
    if (ids === undefined) return;
    this.forget(key, ids);
    for (const id of ids) {
      const client = this.clientOf(id);
      if (client === undefined || client.tracking === null || client.tracking.broadcast) continue;
      if (client.tracking.noLoop && client === by) continue;
      this.tell(client, client.tracking, [key]);
    }
  }

  /** All keys are gone, or nobody knows which. */
  invalidateAll(): void {
    this.table.clear();
    this.items = 0;
    for (const client of this.clients) if (client.tracking !== null) this.tell(client, client.tracking, null);
  }

  /** Forgets keys, and says so, until the table is as small as it may be. */
  limit(): void {
    if (this.keysMax === 0) return;
    for (const key of this.table.keys()) {
      if (this.table.size <= this.keysMax) return;
      this.evict(key);
    }
  }

  private evict(key: string): void {
    const ids = this.table.get(key) ?? [];
    this.table.delete(key);
    for (const id of ids) {
      this.items--;
      const client = this.clientOf(id);
      if (client !== undefined && client.tracking !== null && !client.tracking.broadcast)
        this.tell(client, client.tracking, [key]);
    }
  }

  private forget(key: string, ids: ReadonlySet<number>): void {
    this.table.delete(key);
    this.items -= ids.size;
  }

  private broadcastLater(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    // behind the replies of this turn, in one message for all keys
    setImmediate(() => {
      this.scheduled = false;
      this.broadcast();
    });
  }

  private broadcast(): void {
    for (const [, { clients, changed }] of [...this.prefixes].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (changed.size === 0) continue;
      const keys = [...changed.keys()].sort();
      for (const client of clients) {
        const { tracking } = client;
        if (tracking === null) continue;
        const wanted = tracking.noLoop ? keys.filter((key) => changed.get(key) !== client) : keys;
        if (wanted.length > 0) this.tell(client, tracking, wanted);
      }
      changed.clear();
    }
  }

  /** `keys` null: all. */
  private tell(client: Client, tracking: ClientTracking, keys: readonly string[] | null): void {
    if (tracking.redirect === 0) {
      if (client.protocol === 3) client.push((reply) => writePush(reply, keys));
      return;
    }
    const target = this.clientOf(tracking.redirect);
    if (target === undefined) {
      tracking.brokenRedirect = true;
      const { redirect } = tracking;
      if (client.protocol === 3) client.push((reply) => writeBroken(reply, redirect));
    } else if (target.protocol === 3) target.push((reply) => writePush(reply, keys));
    else if (target.subscribed > 0) target.push((reply) => writeMessage(reply, keys));
  }
}

function writePush(reply: Reply, keys: readonly string[] | null): void {
  reply.push(2);
  reply.bulkText('invalidate');
  writeKeys(reply, keys);
}

/** As a message of a channel: what RESP2 has. */
function writeMessage(reply: Reply, keys: readonly string[] | null): void {
  reply.array(3);
  reply.bulkText('message');
  reply.bulkText(CHANNEL);
  writeKeys(reply, keys);
}

function writeKeys(reply: Reply, keys: readonly string[] | null): void {
  if (keys === null) {
    reply.nil();
    return;
  }
  reply.array(keys.length);
  for (const key of keys) reply.bulkBytes(Buffer.from(key, 'latin1'));
}

function writeBroken(reply: Reply, redirect: number): void {
  reply.push(2);
  reply.bulkText('tracking-redir-broken');
  reply.integer(redirect);
}
