/**
 * SHUTDOWN, up to the point of no return: while clients are still served, the last txns are given to a peer and the
 * state is written; both can be called off or fail, and then the node goes on. What follows is the caller's.
 */
import type { NodeService } from './commands/services.ts';
import type { Engine } from './core/contract.ts';
import type { Logger } from './logging.ts';
import type { Mesh } from './mesh/index.ts';
import type { Store } from './store/index.ts';

type ShutdownOptions = Parameters<NodeService['shutdown']>[0];

interface ShutdownParts {
  readonly engine: Engine;
  readonly mesh: Mesh;
  readonly store: Store;
  readonly log: Logger;
  /** How long a peer may take to confirm the last txns. */
  handOverMs(): number;
  /** Everything is ready: stops the node. Peers that did not confirm in time, or must not be waited for, get no second chance. */
  proceed(peersConfirm: boolean): void;
}

/** Gives the last txns to a peer, if one is there, before this node goes. False if no peer confirmed them in time. */
export async function handOver(engine: Engine, mesh: Mesh, timeoutMs: number): Promise<boolean> {
  engine.seal();
  const own = engine.vector().find((entry) => entry.replica === engine.replica);
  const anyUp = mesh.peers().some((peer) => peer.state === 'up');
  // to a time limit of 0 the mesh would wait for ever
  if (own === undefined || !anyUp || mesh.paused || timeoutMs === 0) return true;
  return (await mesh.waitFor(own.number, 1, timeoutMs)) > 0;
}

/** One that is in progress. */
interface Attempt {
  /** Those who asked, to be told if nothing comes of it. */
  readonly refused: ((reason: string) => void)[];
  calledOff: boolean;
  callOff(): void;
}

export class Shutdown {
  private readonly parts: ShutdownParts;
  private attempt: Attempt | null = null;

  constructor(parts: ShutdownParts) {
    this.parts = parts;
  }

  /** `refused` is called if the node goes on. */
  begin(options: ShutdownOptions, refused: (reason: string) => void): void {
    if (this.attempt !== null) {
      this.attempt.refused.push(refused);
      if (options.now) this.parts.proceed(false);
      return;
    }
    const attempt: Attempt = { refused: [refused], calledOff: false, callOff: () => {} };
    this.attempt = attempt;
    this.prepare(options, attempt).then(
      (peersConfirm) => {
        if (!attempt.calledOff) this.parts.proceed(peersConfirm);
      },
      (error: unknown) => {
        this.parts.log.warn(`SHUTDOWN: ${error instanceof Error ? error.message : String(error)}`);
        this.giveUp(attempt);
      },
    );
  }

  /** SHUTDOWN ABORT. False if no shutdown is in progress. */
  abort(): boolean {
    const { attempt } = this;
    if (attempt === null) return false;
    this.parts.log.warn('SHUTDOWN called off by a client');
    this.giveUp(attempt);
    return true;
  }

  private async prepare({ save, now, force }: ShutdownOptions, attempt: Attempt): Promise<boolean> {
    const { engine, mesh, store } = this.parts;
    const mustSave = save && !force;
    if (mustSave && store.failure !== null) throw new Error(store.failure);
    const calledOff = new Promise<false>((resolve) => {
      attempt.callOff = () => resolve(false);
    });
    const waited = now ? false : await Promise.race([handOver(engine, mesh, this.parts.handOverMs()), calledOff]);
    if (!attempt.calledOff && mustSave) await store.save();
    return waited;
  }

  private giveUp(attempt: Attempt): void {
    if (attempt.calledOff) return;
    attempt.calledOff = true;
    this.attempt = null;
    attempt.callOff();
    // whoever calls it off stands within a command, where no other client may go on
    setImmediate(() => {
      for (const refused of attempt.refused) refused('Errors trying to SHUTDOWN. Check logs.');
    });
  }
}
