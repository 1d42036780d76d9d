/**
 * The check that never ends: nodes that have applied the same txns must hold the same data. A node that has been at
 * rest tells its digest with its vector; whoever is at that very vector compares. A difference is a broken invariant
 * (a bug, or damage that the self-check has not seen), so it is counted, warned of, once an episode, and mended (repair.ts).
 */
import type { Engine, VersionVector } from '../core/contract.ts';

export interface AgreementLog {
  warn(details: object, message: string): void;
}

export class Agreement {
  readonly statistics = { digests_compared: 0, digests_differing: 0, peers_differing: 0 };
  private readonly engine: Engine;
  private readonly log: AgreementLog;
  private readonly differing = new Set<string>();
  /** Called after each comparison. */
  onCompared: (peerId: string, equal: boolean) => void = () => {};

  constructor(engine: Engine, log: AgreementLog) {
    this.engine = engine;
    this.log = log;
  }

  /** What a peer says of its data. Compares nothing unless both have applied the same txns. */
  compare(peerId: string, theirVector: VersionVector, theirDigest: string): void {
    this.engine.seal();
    if (!sameTxns(this.engine.vector(), theirVector)) return;
    this.statistics.digests_compared++;
    const digest = this.engine.digest();
    if (digest === theirDigest) this.agreed(peerId);
    else this.differed(peerId, digest, theirDigest);
    this.onCompared(peerId, digest === theirDigest);
  }

  private agreed(peerId: string): void {
    if (!this.differing.delete(peerId)) return;
    this.statistics.peers_differing = this.differing.size;
    this.log.warn({ peer: peerId }, 'our data and the peer’s are equal again');
  }

  private differed(peerId: string, digest: string, theirDigest: string): void {
    this.statistics.digests_differing++;
    if (this.differing.has(peerId)) return;
    this.differing.add(peerId);
    this.statistics.peers_differing = this.differing.size;
    this.log.warn(
      { peer: peerId, digest, theirDigest },
      'DIVERGENCE: this peer has applied the same txns as we have, and holds other data; the two are joined; please report it',
    );
  }
}

function sameTxns(ours: VersionVector, theirs: VersionVector): boolean {
  const left = new Map(theirs.map(({ replica, number }) => [replica, number]));
  for (const { replica, number } of ours) {
    if ((left.get(replica) ?? 0) !== number) return false;
    left.delete(replica);
  }
  return [...left.values()].every((number) => number === 0);
}
