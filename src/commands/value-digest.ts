/**
 * DEBUG DIGEST and DIGEST-VALUE: hashes of what clients see, as Redis makes them. Equal data gives equal digests
 * whatever history it has; CRDT DIGEST also covers dots and hidden values.
 */
import { createHash } from 'node:crypto';
import { type Database, type Engine, KeyType, NO_DEADLINE } from '../core/contract.ts';
import { STREAM_ID_MAX, STREAM_ID_MIN } from '../core/index.ts';
import { Slice } from '../core/slice.ts';

const DIGEST_BYTES = 20;
const NO_VALUE = Buffer.alloc(DIGEST_BYTES);

/** All databases; zeros where there is no data. */
export function digestOfData(engine: Engine): string {
  const sum = Buffer.alloc(DIGEST_BYTES);
  for (const db of engine.databases) {
    const keys: Buffer[] = [];
    db.forEachKey((key) => keys.push(key.copy()));
    for (const key of keys) {
      const slice = new Slice(key);
      mix(
        sum,
        hash([`${db.index}`, key, digestOfValue(db, slice), db.deadlineOf(slice) === NO_DEADLINE ? '' : 'expires']),
      );
    }
  }
  return sum.toString('hex');
}

/** The value under one key, without the key and its time to live; zeros where there is none. */
export function digestOfValue(db: Database, key: Slice): Buffer {
  const type = db.peekType(key);
  switch (type) {
    case KeyType.none:
      return NO_VALUE;
    case KeyType.string: {
      const value = new Slice();
      db.strings.read(key, value);
      return hash(['string', value.view()]);
    }
    case KeyType.list: {
      const elements: Buffer[] = [];
      db.lists.range(key, 0, Number.POSITIVE_INFINITY, 1, (value) => {
        elements.push(value.copy());
      });
      return hash(['list', ...elements]);
    }
    case KeyType.set: {
      const sum = Buffer.alloc(DIGEST_BYTES);
      db.sets.forEach(key, (member) => mix(sum, hash([member.view()])));
      return hash(['set', sum]);
    }
    case KeyType.zset: {
      const sum = Buffer.alloc(DIGEST_BYTES);
      db.zsets.forEach(key, (member, score) => mix(sum, hash([member.view(), String(score)])));
      return hash(['zset', sum]);
    }
    case KeyType.hash:
      return digestOfHash(db, key);
    case KeyType.stream: {
      // as in Redis: groups and what they have are no part of it
      const parts: (string | Buffer)[] = ['stream'];
      db.streams.range(key, STREAM_ID_MIN, STREAM_ID_MAX, 1, (entry) => {
        parts.push(`${entry.id.ms}-${entry.id.seq}`, String(entry.fieldCount));
        entry.forEachField((field, value) => parts.push(field.copy(), value.copy()));
        return true;
      });
      return hash(parts);
    }
  }
}

function digestOfHash(db: Database, key: Slice): Buffer {
  const sum = Buffer.alloc(DIGEST_BYTES);
  const fields: [field: Buffer, value: Buffer][] = [];
  db.hashes.forEach(key, (field, value) => fields.push([field.copy(), value.copy()]));
  for (const [field, value] of fields) {
    const expires = db.hashes.deadlineOf(key, new Slice(field)) !== NO_DEADLINE;
    mix(sum, hash([field, value, expires ? 'expires' : '']));
  }
  return hash(['hash', sum]);
}

/** Elements have no order: their digests are combined by exclusive or. */
function mix(sum: Buffer, digest: Buffer): void {
  for (let i = 0; i < DIGEST_BYTES; i++) sum[i] ^= digest[i];
}

function hash(parts: readonly (string | Uint8Array)[]): Buffer {
  const sha = createHash('sha1');
  for (const part of parts) {
    // lengths keep the parts apart
    sha.update(`${part.length}:`);
    sha.update(part);
  }
  return sha.digest();
}
