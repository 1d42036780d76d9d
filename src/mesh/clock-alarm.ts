/** Tells the log of peers whose clocks are ahead of ours, or that ours is behind: once a minute for each replica. */
import type { ReplicaId } from '../core/contract.ts';

const AGAIN_MS = 60_000;
const REMEMBERED_MAX = 1024;

export class ClockAlarm {
  private readonly toldMs = new Map<ReplicaId, number>();
  private readonly log: { warn(details: object, message: string): void };

  constructor(log: { warn(details: object, message: string): void }) {
    this.log = log;
  }

  ring(replica: ReplicaId, aheadMs: number): void {
    const now = performance.now();
    const last = this.toldMs.get(replica);
    if (last !== undefined && now - last < AGAIN_MS) return;
    if (this.toldMs.size >= REMEMBERED_MAX) this.toldMs.clear();
    this.toldMs.set(replica, now);
    this.log.warn(
      { replica, aheadMs },
      'CLOCK: txns of this replica come from the future and are not applied before their time; check its clock and ours',
    );
  }
}
