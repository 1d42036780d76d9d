/**
 * Retirement: how replica ids that nobody writes under any more leave the version vectors. Every crash gives a node a new
 * id, so vectors, and with them the context of every envelope, would grow for ever. Once all members have all of a former
 * id's txns, its successor says so in a txn: "X ended with txn n". From then on a vector that covers that txn need not
 * name X: n is implied.
 *
 * Inside the core vectors are always whole, and so are those on disk and in state transfers; shorten() and expand() stand
 * where vectors leave for peers and come from them, and imply() where an envelope's context is read.
 *
 * Invariants:
 *   - A retirement is a fact, not a command: to know one early, or from somebody else than its author, does no harm.
 *   - An envelope that was shortened by a retirement is applied after it: the retirement's own txn is in its context.
 *   - Should X have gone on after all (a clone of its directory retired it), its number is beyond the implied one, so it
 *     is named again, everywhere: what is said counts before what is implied.
 *   - Who retires X has all of it. So if its own id is retired later, that happened at a later stamp; facts are looked at
 *     in falling order of stamps, and each finds its author's entry whole already.
 */
import { ByteReader, ByteWriter, MalformedError } from './bytes.ts';
import { STAMP_MAX } from './clock.ts';
import type { Retirement, Stamp, VersionVector } from './contract.ts';
import type { ReplicaTable } from './version.ts';

/** Each takes up to two of the 65,536 places of the replica table, and whoever connects can tell of some. */
const RETIREMENTS_MAX = 20_000;

interface Fact {
  replica: number;
  /** Of its last txn. */
  number: number;
  stamp: Stamp;
  /** The txn that says so. */
  by: number;
  byStamp: Stamp;
}

export class Retirements {
  private readonly replicas: ReplicaTable;
  /** By falling `byStamp`. */
  private readonly facts: Fact[] = [];
  /** In the order in which they became known. */
  private readonly known: Retirement[] = [];

  constructor(replicas: ReplicaTable) {
    this.replicas = replicas;
  }

  /** All that are known; grows at its end only. */
  get all(): readonly Retirement[] {
    return this.known;
  }

  add(replica: number, number: number, stamp: Stamp, by: number, byStamp: Stamp): void {
    const { facts } = this;
    let place = 0;
    while (place < facts.length && facts[place].byStamp > byStamp) place++;
    for (let at = place; at < facts.length && facts[at].byStamp === byStamp; at++) {
      if (facts[at].replica === replica && facts[at].by === by) return;
    }
    facts.splice(place, 0, { replica, number, stamp, by, byStamp });
    const { ids } = this.replicas;
    this.known.push({ replica: ids[replica], number, stamp, by: ids[by], byStamp });
  }

  /** Past the limit the rest stays in vectors. */
  learn(retirements: readonly Retirement[]): void {
    for (const { replica, number, stamp, by, byStamp } of retirements) {
      if (this.known.length >= RETIREMENTS_MAX || !this.replicas.hasRoomFor([{ replica }, { replica: by }])) return;
      this.add(this.replicas.indexOf(replica), number, stamp, this.replicas.indexOf(by), byStamp);
    }
  }

  /** Nothing but what a txn here says of it is left to come: our own vector implies all of it. */
  isRetired(replica: number): boolean {
    const { numbers, stamps } = this.replicas;
    return this.facts.some(
      (fact) => fact.replica === replica && fact.number === numbers[replica] && stamps[fact.by] >= fact.byStamp,
    );
  }

  /** Fills in what stamps by replica index, of a shortened vector, imply. */
  imply(context: number[]): void {
    for (const { replica, stamp, by, byStamp } of this.facts) {
      if ((context[by] ?? 0) < byStamp || (context[replica] ?? 0) >= stamp) continue;
      while (context.length <= replica) context.push(0);
      context[replica] = stamp;
    }
  }

  /** A peer's vector, whole again as far as we know of retirements; where we do not, it seems to have less than it has. */
  expand(vector: VersionVector): VersionVector {
    if (this.facts.length === 0) return vector;
    const entries = new Map(vector.map((entry) => [entry.replica, entry]));
    const { ids } = this.replicas;
    for (const { replica, number, stamp, by, byStamp } of this.facts) {
      if ((entries.get(ids[by])?.stamp ?? 0) < byStamp) continue;
      const id = ids[replica];
      if ((entries.get(id)?.number ?? 0) < number) entries.set(id, { replica: id, number, stamp });
    }
    return [...entries.values()];
  }

  /** A whole vector without what it implies. `kept` is named in any case. */
  shorten(vector: VersionVector, kept: string): VersionVector {
    if (this.facts.length === 0) return vector;
    const stamps = new Map(vector.map(({ replica, stamp }) => [replica, stamp]));
    const { ids } = this.replicas;
    const implied = new Map<string, number>();
    for (const { replica, number, by, byStamp } of this.facts) {
      if ((stamps.get(ids[by]) ?? 0) < byStamp) continue;
      implied.set(ids[replica], Math.max(number, implied.get(ids[replica]) ?? 0));
    }
    return vector.filter(({ replica, number }) => replica === kept || implied.get(replica) !== number);
  }
}

/** A run of (replica 8 bytes, author 8 bytes, varints number, stamp, author's stamp). */
export function packRetirements(retirements: readonly Retirement[]): Buffer {
  const packed = new ByteWriter();
  for (const { replica, number, stamp, by, byStamp } of retirements) {
    packed.raw(Buffer.from(replica + by, 'hex'), 0, 16);
    packed.varint(number);
    packed.varint(stamp);
    packed.varint(byStamp);
  }
  return packed.copy();
}

/** Throws MalformedError. */
export function unpackRetirements(bytes: Uint8Array): Retirement[] {
  const reader = new ByteReader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  const retirements: Retirement[] = [];
  while (!reader.done) {
    if (reader.at + 16 > reader.end) throw new MalformedError('retirement cut short');
    const ids = reader.bytes.toString('hex', reader.at, reader.at + 16);
    reader.at += 16;
    const [number, stamp, byStamp] = [reader.varint(), reader.varint(), reader.varint()];
    if (number === 0 || stamp > byStamp || byStamp > STAMP_MAX)
      throw new MalformedError(`retirement at ${byStamp} of a txn ${number} at ${stamp}`);
    retirements.push({ replica: ids.slice(0, 16), number, stamp, by: ids.slice(16), byStamp });
  }
  return retirements;
}
