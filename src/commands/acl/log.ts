/** The ACL log: what was refused lately, to whom and why; and how often in all, for INFO. */
import { describeClient } from '../client-description.ts';
import type { Call } from '../table.ts';

export type DenialReason = 'auth' | 'command' | 'key' | 'channel';

export interface AclLogEntry {
  readonly id: number;
  count: number;
  readonly reason: DenialReason;
  readonly context: 'toplevel' | 'multi' | 'lua';
  /** The command, key or channel, as latin1 text. */
  readonly subject: string;
  readonly userName: string;
  readonly createdAtMs: number;
  updatedAtMs: number;
  /** The latest client, as CLIENT LIST shows it. */
  client: string;
}

/** Refusals that are alike are one entry, as in Redis: if one of so many latest entries is like them, and not so old. */
const ALIKE_ENTRIES_MAX = 10;
const ALIKE_MS_MAX = 60_000;

export class AclLog {
  lengthMax = 128;
  /** Latest first. */
  readonly entries: AclLogEntry[] = [];
  /** Since the start. */
  readonly denied: Record<DenialReason, number> = { auth: 0, command: 0, key: 0, channel: 0 };
  private nextId = 0;

  /** `userName`: whom somebody wanted to be, if that is what was refused. */
  note(
    call: Call,
    reason: DenialReason,
    subject: string,
    userName = call.client.user.name,
    context: AclLogEntry['context'] = contextOf(call),
  ): void {
    const { client, engine, services } = call;
    this.denied[reason]++;
    const nowMs = engine.now;
    const at = this.lengthMax === 0 ? -1 : this.findAlike({ reason, context, subject, userName }, nowMs);
    const known = at < 0 ? undefined : this.entries.splice(at, 1)[0];
    const shown = describeClient(client, nowMs, services.monitors.has(client));
    if (known !== undefined) {
      known.count++;
      known.updatedAtMs = nowMs;
      known.client = shown;
      this.entries.unshift(known);
    } else if (this.lengthMax > 0) {
      const times = { createdAtMs: nowMs, updatedAtMs: nowMs };
      this.entries.unshift({
        id: this.nextId++,
        count: 1,
        reason,
        context,
        subject,
        userName,
        ...times,
        client: shown,
      });
    }
    if (this.entries.length > this.lengthMax) this.entries.length = this.lengthMax;
  }

  reset(): void {
    this.entries.length = 0;
  }

  private findAlike(wanted: Pick<AclLogEntry, 'reason' | 'context' | 'subject' | 'userName'>, nowMs: number): number {
    return this.entries
      .slice(0, ALIKE_ENTRIES_MAX)
      .findIndex(
        (entry) =>
          entry.reason === wanted.reason &&
          entry.context === wanted.context &&
          entry.subject === wanted.subject &&
          entry.userName === wanted.userName &&
          Math.abs(nowMs - entry.updatedAtMs) <= ALIKE_MS_MAX,
      );
  }
}

function contextOf({ client }: Call): AclLogEntry['context'] {
  return client.multi !== null || !client.mayBlock ? 'multi' : 'toplevel';
}
