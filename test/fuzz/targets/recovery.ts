/** A start from a damaged store: entries of log, state, metadata and batches, most of them with checksums that fit. */
import assert from 'node:assert/strict';
import { decodeEnvelope } from '../../../src/core/envelope.ts';
import { createEngine, type Engine } from '../../../src/core/index.ts';
import { batchKey, logKey, logValue, numberValue, stateKey, value } from '../../../src/store/encoding.ts';
import { StoreError } from '../../../src/store/errors.ts';
import { writeCheckpoint, writeReplicaTable } from '../../../src/store/metadata.ts';
import { OpenStore } from '../../../src/store/store.ts';
import { assertSound, makeHistory, makeReceiver, recordsOf } from '../engines.ts';
import { MemoryDisk } from '../memory-disk.ts';
import { mutateParts, type Part, packParts, unpackParts } from '../parts.ts';
import type { MutationContext, Target } from '../target.ts';

/** A part's kind is the length of its key; key and value follow each other. */
type Entry = readonly [key: Buffer, value: Buffer];

const HEADER_BYTES = 5;
const history = makeHistory();
let engine: Engine = makeReceiver(history);
let loaded = false;
let disk = new MemoryDisk([]);

export const target: Target = {
  name: 'recovery',
  guidedBy: ['/src/store/', '/src/core/records.ts', '/src/core/engine.ts', '/src/core/delivery.ts'],
  bytesMax: 64 * 1024,
  works: true,
  words: ['"vector"', '"replica"', '"number"', '"stamp"', '"ends"', '"segments"', '[]', '{}', 'null', '-1', '1e400'],
  seeds: () => [packParts(storeOf([]).map(partOf)), packParts(storeOf(history.after).map(partOf))],
  mutate: (bytes, context) => mutateParts(bytes, context, (part) => mutateEntry(part, context)),
  prepare(bytes) {
    disk = new MemoryDisk(unpackParts(bytes).map(entryOf));
    engine = createEngine({ replica: 'dddddddddddddddd', hashSeed: 3 });
    engine.setNow(Date.now());
  },
  async run() {
    const elsewhere = { continues: false, isCopy: true, settle: null, leaveMarker: () => Promise.resolve() };
    const parts = { disk, replica: engine.replica, ...elsewhere };
    const store = new OpenStore(parts, { directory: 'nowhere', appendfsync: 'no' });
    loaded = false;
    try {
      await store.load(engine);
      loaded = true;
    } catch (error) {
      assertToldWell(error);
    }
  },
  check() {
    if (loaded) assertSound(engine);
  },
};

/** One line that says what to do; not what an engine of ours has stumbled over. */
function assertToldWell(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
  if (error.code !== 'CORRUPT' && error.code !== 'FORMAT') throw error.cause ?? error;
}

/** A checkpoint of what came before, and the log of all. */
function storeOf(after: readonly Buffer[]): Entry[] {
  const author = makeReceiver(history);
  const checkpointed = {
    vector: author.vector(),
    atMs: 1,
    segments: [{ ends: [], bytes: 10, fromMs: 1, toMs: 1 }],
    retirements: [],
  };
  const metadata = [writeReplicaTable(author.replicaTable()), writeCheckpoint(checkpointed)];
  const state = recordsOf(author).map(([record, payload]): Entry => {
    const key = stateKey(record);
    return [key, value(key, payload)];
  });
  const log = [...history.before, ...after].map((bytes): Entry => {
    const { replica, first, count } = decodeEnvelope(bytes);
    const key = logKey(replica, first);
    return [key, logValue(key, first + count - 1, bytes)];
  });
  const batch = batchKey(7);
  return [
    ...metadata.flatMap((put): Entry[] => (put.type === 'put' ? [[put.key, put.value]] : [])),
    ...state,
    ...log,
    [batch, numberValue(batch, 6)],
  ];
}

function partOf([key, sealed]: Entry): Part {
  assert.ok(key.length < 256);
  return { kind: key.length, bytes: Buffer.concat([key, sealed]) };
}

function entryOf({ kind, bytes }: Part): [Buffer, Buffer] {
  return [bytes.subarray(0, kind), bytes.subarray(kind)];
}

/** Mostly with a checksum over what it has become. */
function mutateEntry(part: Part, { random, scramble }: MutationContext): Buffer {
  const [key, sealed] = entryOf(part);
  if (random.chance(0.2)) return scramble(part.bytes);
  const changedKey = random.chance(0.2) ? scramble(key.subarray(1)).subarray(0, key.length - 1) : key.subarray(1);
  const kept = Buffer.concat([key.subarray(0, 1), changedKey, Buffer.alloc(key.length)]).subarray(0, key.length);
  const payload = random.chance(0.9) ? scramble(sealed.subarray(HEADER_BYTES)) : sealed.subarray(HEADER_BYTES);
  return Buffer.concat([kept, value(kept, payload)]);
}
