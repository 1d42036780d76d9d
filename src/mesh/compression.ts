/**
 * When bulk travels compressed. Between regions bytes are what is scarce, on a LAN it is the thread: so with `auto` only
 * links with a long way get it packed, told by the least round trip that was ever measured on them (under load those grow
 * by waiting, and no load makes one shorter). What would hardly shrink is sent as it is, and where that was so the next
 * ones are not even tried.
 */
import { type Bulk, FrameType } from './frames.ts';
import { PLAIN_BYTES_MAX, packBulk } from './packed-bulk.ts';

/** `yes` and `no`: on every link, on none. */
export type CompressionMode = 'auto' | 'yes' | 'no';

/** Shorter bulk is one packet anyway. */
const BYTES_MIN = 1024;
/** Of a round trip, from which on a link leads out of the house. */
const FAR_MS = 5;
/** A first round trip is that of cold code, and others may have waited behind work: of several one tells a near link. */
const ROUND_TRIPS_MIN = 5;
/** What shrinks less is sent as it is: to unpack it is work for the peer as well. */
const WORTH = 3 / 4;
/** Bulk of its type that is sent untried after one that did not shrink; twice as much each time. */
const UNTRIED_MIN = 2;
const UNTRIED_MAX = 32;

/** What the links of one node share. */
export class Compression {
  mode: CompressionMode;
  readonly bytesMin: number;
  readonly statistics = { bulk_packed: 0, bulk_packed_saved_bytes: 0, bulk_unpacked: 0 };
  /** An envelope goes to one peer after the other. */
  private last: { bytes: Uint8Array; packed: Buffer } | null = null;

  /** `bytesMin`: shorter bulk is left alone; other than the default for tests. */
  constructor(mode: CompressionMode, bytesMin = BYTES_MIN) {
    this.mode = mode;
    this.bytesMin = bytesMin;
  }

  pack(type: Bulk, bytes: Uint8Array): Buffer {
    // only envelopes stay what they are
    if (type !== FrameType.envelope) return packBulk(type, bytes);
    if (this.last?.bytes !== bytes) this.last = { bytes, packed: packBulk(type, bytes) };
    return this.last.packed;
  }
}

/** What one link knows of itself. */
export class LinkCompression {
  /** The peer has said that it unpacks. */
  peerUnpacks = false;
  private readonly shared: Compression;
  private leastRttMs = Number.POSITIVE_INFINITY;
  private roundTrips = 0;
  private readonly untried = new Map<Bulk, { left: number; next: number }>();

  constructor(shared: Compression) {
    this.shared = shared;
  }

  get statistics(): Compression['statistics'] {
    return this.shared.statistics;
  }

  noteRoundTrip(ms: number): void {
    this.roundTrips++;
    this.leastRttMs = Math.min(this.leastRttMs, ms);
  }

  /** Another round trip should be measured now: it depends on it whether this link is a far one. */
  get isUndecided(): boolean {
    const seemsFar = this.leastRttMs >= FAR_MS && this.roundTrips < ROUND_TRIPS_MIN;
    return this.shared.mode === 'auto' && this.peerUnpacks && seemsFar;
  }

  /** The body of a packed frame; null: it is to travel as it is. */
  pack(type: Bulk, bytes: Uint8Array): Buffer | null {
    if (!this.isWanted || bytes.length < this.shared.bytesMin || bytes.length > PLAIN_BYTES_MAX) return null;
    if (this.isLeftOut(type)) return null;
    const packed = this.shared.pack(type, bytes);
    if (packed.length > bytes.length * WORTH) {
      const next = this.untried.get(type)?.next ?? UNTRIED_MIN;
      this.untried.set(type, { left: next, next: Math.min(2 * next, UNTRIED_MAX) });
      return null;
    }
    this.untried.delete(type);
    this.statistics.bulk_packed++;
    this.statistics.bulk_packed_saved_bytes += bytes.length - packed.length;
    return packed;
  }

  private get isWanted(): boolean {
    const { mode } = this.shared;
    if (mode === 'no' || !this.peerUnpacks) return false;
    return mode === 'yes' || (this.roundTrips >= ROUND_TRIPS_MIN && this.leastRttMs >= FAR_MS);
  }

  private isLeftOut(type: Bulk): boolean {
    const untried = this.untried.get(type);
    if (untried === undefined || untried.left === 0) return false;
    untried.left--;
    return true;
  }
}
