/**
 * Fingerprint and digest of a key, by which two nodes compare what they hold without sending it: 64 bits of its name, and
 * 64 bits over its records, cancelled counters included. Both depend on nothing but the records, so that they are the
 * same for a key in a state and for its records in a page.
 */
import { exactAmount } from './amount.ts';
import { ByteReader } from './bytes.ts';
import { isLive, readCell, siblingTerm } from './cell.ts';
import { readDeadlines } from './deadlines.ts';
import { Lanes } from './hash.ts';
import type { Slice } from './slice.ts';
import { RECORD_KEY_DEADLINES } from './state.ts';

export const FINGERPRINT_BYTES = 8;
/** A key's fingerprint and its digest. */
export const KEY_ENTRY_BYTES = 16;

export class KeyDigest {
  private readonly lanes = new Lanes();
  private readonly reader = new ByteReader();
  private readonly bytes = Buffer.alloc(KEY_ENTRY_BYTES);
  private a = 0;
  private b = 0;

  /** The key's records follow, in any order. */
  begin(database: number, key: Slice): void {
    const { lanes } = this;
    lanes.from(0x243f6a88, 0x13198a2e).word(database).bytes(key.bytes, key.start, key.end).finish();
    this.bytes.writeInt32LE(lanes.a, 0);
    this.bytes.writeInt32LE(lanes.b, 4);
    this.a = 0;
    this.b = 0;
  }

  fingerprint(database: number, key: Slice): string {
    this.begin(database, key);
    return this.bytes.toString('latin1', 0, FINGERPRINT_BYTES);
  }

  /** What has been begun: fingerprint and digest. Valid until the next call. */
  entry(): Buffer {
    this.bytes.writeInt32LE(this.a, FINGERPRINT_BYTES);
    this.bytes.writeInt32LE(this.b, FINGERPRINT_BYTES + 4);
    return this.bytes;
  }

  /**
   * Adds one record, a sum over all that it holds in whatever order it stands there. `words`: of the replicas, by the
   * indexes that the record uses; `replicas`: those indexes, where they must be checked. Throws MalformedError.
   */
  add(kind: number, name: Uint8Array, value: Buffer, words: readonly number[], replicas?: readonly number[]): void {
    const { lanes } = this;
    const reader = this.reader.set(value, 0, value.length);
    const base = lanes.from(0x7a5bc1d9, 0x1d872b41).bytes(name, 0, name.length).finish();
    const [baseA, baseB] = [base.a, base.b];
    if (kind >= RECORD_KEY_DEADLINES) {
      for (const { replica, stamp, deadline, scope } of readDeadlines(reader, replicas)) {
        lanes.from(baseA, baseB).word(words[replica]).number(stamp);
        lanes.number(Number.isFinite(deadline) ? deadline : -1);
        for (let i = 0; i < scope.length; i += 2) lanes.word(words[scope[i]]).number(scope[i + 1]);
        lanes.finish();
        this.take();
      }
      return;
    }
    const cell = readCell(reader, replicas);
    for (const { replica, stamp, value: bytes } of cell.siblings) {
      siblingTerm(lanes.from(baseA, baseB), words[replica], stamp, bytes, 0, bytes.length);
      this.take();
    }
    for (const tally of cell.tallies) {
      const { replica, stamp, sum, cancelSum } = tally;
      lanes
        .from(baseA, baseB)
        .word(~words[replica])
        .number(stamp)
        .word(isLive(tally) ? 2 : 3);
      lanes.text(exactAmount(sum)).word(1).text(exactAmount(cancelSum)).finish();
      this.take();
    }
  }

  private take(): void {
    this.a = (this.a + this.lanes.a) | 0;
    this.b = (this.b + this.lanes.b) | 0;
  }
}
