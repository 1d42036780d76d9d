/**
 * What string and bitmap commands share: reading a value with Redis's answers and statistics, and the place where a
 * new value is put together before it is written. The value that a read fills in is valid until the next effect, so
 * whatever changes bytes in the middle copies them first.
 */
import { type Database, KEEP_DEADLINE, KeyType } from '../core/contract.ts';
import { Slice } from '../core/slice.ts';
import { joinSiblings } from './hyperloglog/siblings.ts';
import { isSketch } from './hyperloglog/sketch.ts';
import { Errors } from './reply.ts';
import type { Call } from './table.ts';

/** The first byte of `HYLL`. */
const SKETCH_BEGINS = 0x48;

export const TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';

/** For reads: fills `out` and counts the hit or miss. False if there is no such key; undefined after WRONGTYPE. */
export function readValue(call: Call, key: Slice, out: Slice): boolean | undefined {
  const type = call.db.strings.read(key, out);
  const { statistics } = call.services;
  if (type === KeyType.none) {
    statistics.keyspaceMisses++;
    return false;
  }
  statistics.keyspaceHits++;
  if (type === KeyType.string) {
    showWhole(call, key, out);
    return true;
  }
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** The same for commands that read in order to write: Redis counts no hit or miss. */
export function readOldValue(call: Call, key: Slice, out: Slice): boolean | undefined {
  const type = call.db.strings.read(key, out);
  if (type === KeyType.string) {
    showWhole(call, key, out);
    return true;
  }
  if (type === KeyType.none) return false;
  call.reply.error(Errors.wrongType);
  return undefined;
}

/** A sketch shows with what was added elsewhere meanwhile: see hyperloglog/siblings.ts. */
export function showWhole({ client, engine, services }: Call, key: Slice, out: Slice): void {
  if (out.bytes[out.start] !== SKETCH_BEGINS || !isSketch(out)) return;
  joinSiblings(engine, client.database, key, out, Number(services.config.get('hll-sparse-max-bytes')));
}

/** Copies what is visible under a key, as Database.copyTo() does; of a sketch all that stands there. */
export function copyWhole(call: Call, key: Slice, target: Database, newKey: Slice): void {
  const { client, db, engine, services } = call;
  const whole = new Slice();
  const isWhole =
    db.peekType(key) !== KeyType.string ||
    db.strings.read(key, whole) !== KeyType.string ||
    !isSketch(whole) ||
    !joinSiblings(engine, client.database, key, whole, Number(services.config.get('hll-sparse-max-bytes')));
  db.copyTo(key, target, newKey);
  if (!isWhole) target.strings.write(newKey, whole, KEEP_DEADLINE);
}

/** True if a value of `length` bytes may be; else answers the error. */
export function fits(call: Call, length: number): boolean {
  if (length <= call.services.config.limits.protoMaxBulkLength) return true;
  call.reply.error(TOO_LONG);
  return false;
}

/** A buffer as large as this is kept for the next value; a larger one is made for one command and dropped. */
const KEPT_BYTES_MAX = 1 << 24;
let kept: Buffer = Buffer.allocUnsafeSlow(1024);

/** At least `length` bytes of undefined content, the caller's until the command ends. */
export function scratchBytes(length: number): Buffer {
  if (length <= kept.length) return kept;
  if (length > KEPT_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
  kept = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(length)));
  return kept;
}

/** A scratch copy of `old` (or of nothing), zeros after it up to `length` bytes. */
export function grownCopy(old: Slice | null, length: number): Buffer {
  const bytes = scratchBytes(length);
  const before = old === null ? 0 : old.length;
  if (old !== null) old.bytes.copy(bytes, 0, old.start, old.end);
  if (length > before) bytes.fill(0, before, length);
  return bytes;
}
