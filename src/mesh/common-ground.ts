/**
 * How far all members have come, and whose vectors reach beyond what is here. Each entry of each member's vector counts, so
 * that in a large cluster it takes long: it is found anew only when one of these vectors is another one than last time.
 */
import type { ReplicaId, VersionVector } from '../core/contract.ts';

export interface Common {
  /** Our vector, cut to what every member has. */
  readonly stable: VersionVector;
  /** Vectors with txns that are not here. */
  readonly ahead: readonly VersionVector[];
}

interface Reach {
  readonly replica: ReplicaId;
  readonly here: number;
  number: number;
  stamp: number;
  toldBy: number;
}

export class CommonGround {
  private ours: VersionVector = [];
  private theirs: readonly VersionVector[] = [];
  private latest: Common = { stable: [], ahead: [] };

  /** Vectors are not changed once they are told; ours may be another copy. */
  of(ours: VersionVector, theirs: readonly VersionVector[]): Common {
    if (!isSame(theirs, this.theirs) || !hasSameEntries(ours, this.ours)) {
      this.latest = commonOf(ours, theirs);
      this.ours = ours;
      this.theirs = theirs;
    }
    return this.latest;
  }
}

function commonOf(ours: VersionVector, theirs: readonly VersionVector[]): Common {
  const reaches = ours.map(
    ({ replica, number, stamp }): Reach => ({ replica, here: number, number, stamp, toldBy: -1 }),
  );
  const byReplica = new Map(reaches.map((reach) => [reach.replica, reach]));
  const ahead = theirs.filter((vector, teller) => {
    const isAhead = lower(byReplica, vector, teller);
    for (const reach of reaches) if (reach.toldBy !== teller) reach.number = reach.stamp = 0;
    return isAhead;
  });
  return { stable: reaches.map(({ replica, number, stamp }) => ({ replica, number, stamp })), ahead };
}

/** Takes one member's vector in; true if it reaches beyond what is here. */
function lower(byReplica: ReadonlyMap<ReplicaId, Reach>, vector: VersionVector, teller: number): boolean {
  let isAhead = false;
  for (const { replica, number, stamp } of vector) {
    const reach = byReplica.get(replica);
    if (number > (reach?.here ?? 0)) isAhead = true;
    if (reach === undefined) continue;
    reach.toldBy = teller;
    if (number < reach.number) {
      reach.number = number;
      reach.stamp = stamp;
    }
  }
  return isAhead;
}

function isSame(one: readonly VersionVector[], other: readonly VersionVector[]): boolean {
  return one.length === other.length && one.every((vector, index) => vector === other[index]);
}

function hasSameEntries(one: VersionVector, other: VersionVector): boolean {
  return (
    one.length === other.length &&
    one.every(({ replica, number }, index) => number === other[index].number && replica === other[index].replica)
  );
}
