/**
 * Keyspace notifications: messages on `__keyspace@<db>__:<key>` and `__keyevent@<db>__:<event>`. Each node tells its own
 * listeners, of its own changes and of those that come from others: nothing of it goes over the mesh, so that everybody
 * hears of everything once.
 */
import { bitOf, KEYEVENT, KEYSPACE } from './event-flags.ts';
import { eventClassOf } from './event-names.ts';

export class KeyspaceEvents {
  /** Bits of event-flags.ts; 0: nobody is told anything. */
  flags = 0;
  /** To listeners of this node. */
  publish: (channel: Buffer, message: Buffer) => void = () => {};

  get isOn(): boolean {
    return (this.flags & (KEYSPACE | KEYEVENT)) !== 0 && this.flags > (KEYSPACE | KEYEVENT);
  }

  wants(event: string): boolean {
    const eventClass = eventClassOf(event);
    return eventClass !== undefined && (this.flags & bitOf(eventClass)) !== 0;
  }

  tell(event: string, database: number, key: Buffer): void {
    if (!this.wants(event)) return;
    if ((this.flags & KEYSPACE) !== 0) {
      const channel = Buffer.concat([Buffer.from(`__keyspace@${database}__:`), key]);
      this.publish(channel, Buffer.from(event));
    }
    if ((this.flags & KEYEVENT) !== 0) this.publish(Buffer.from(`__keyevent@${database}__:${event}`), key);
  }
}
