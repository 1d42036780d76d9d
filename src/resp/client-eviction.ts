/**
 * `maxmemory-clients`: when requests and replies of all clients together take more, those that take most are disconnected.
 * What each takes is noted when it may have grown; once the sum is over the limit all are looked at again, so that what
 * has gone in the meantime does not count. Without a limit nothing is noted.
 */
import type { Client } from '../commands/client.ts';
import { memoryOfClient } from '../commands/client-memory.ts';
import type { ServerStatistics, Services } from '../commands/services.ts';

export interface ClientEvictionOptions {
  readonly services: Services;
  forEach(visit: (client: Client) => void): void;
  warn(message: string): void;
}

export class ClientEviction {
  private readonly options: ClientEvictionOptions;
  private readonly statistics: ServerStatistics;
  private readonly noted = new Map<Client, number>();
  private total = 0;
  private scheduled = false;

  constructor(options: ClientEvictionOptions) {
    this.options = options;
    const { config, statistics } = options.services;
    this.statistics = statistics;
    config.onChange((name) => {
      if (name === 'maxmemory' || name === 'maxmemory-clients') this.schedule();
    });
  }

  private get limit(): number {
    return this.options.services.config.limits.maxClientsBytes;
  }

  /** The client may take more than before. `atOnce`: no command runs now, and none must if it is one too many. */
  weigh(client: Client, atOnce = false): void {
    const { limit } = this;
    if (limit === 0) return;
    this.note(client, memoryOfClient(client).total);
    if (this.total < limit) return;
    if (atOnce) this.evict();
    else this.schedule();
  }

  forget(client: Client): void {
    this.note(client, 0);
    this.noted.delete(client);
  }

  private note(client: Client, bytes: number): void {
    this.total += bytes - (this.noted.get(client) ?? 0);
    this.noted.set(client, bytes);
  }

  /** Not within a command, whose client may be among them. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    // before anything else comes in
    queueMicrotask(() => {
      this.scheduled = false;
      this.evict();
    });
  }

  private evict(): void {
    const { limit, options } = this;
    const evictable: Client[] = [];
    this.noted.clear();
    this.total = 0;
    if (limit === 0) return;
    options.forEach((client) => {
      // who watches commands go by is no client in this sense
      if (options.services.monitors.has(client)) return;
      this.note(client, memoryOfClient(client).total);
      if (!client.noEvict) evictable.push(client);
    });
    const bytesOf = (client: Client) => this.noted.get(client) ?? 0;
    evictable.sort((a, b) => bytesOf(b) - bytesOf(a));
    for (const client of evictable) {
      if (this.total < limit || bytesOf(client) === 0) return;
      options.warn(`closing client ${client.address}: it takes ${bytesOf(client)} bytes (maxmemory-clients)`);
      this.statistics.evictedClients++;
      client.kill();
      this.forget(client);
    }
  }
}
