/** A store with an engine on it, as the composition root puts them together; and writes in one line each. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine, type Engine, type Envelope, NO_DEADLINE, Slice } from '../../src/core/index.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/index.ts';

export interface Opened {
  readonly store: Store;
  readonly engine: Engine;
  readonly notices: string[];
}

const folders: string[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes when the test process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'starling-store-'));
  folders.push(folder);
  return folder;
}

export async function open(directory: string, options: Partial<StoreOptions> = {}): Promise<Opened> {
  const notices: string[] = [];
  const store = await openStore({
    directory,
    appendfsync: 'no',
    notice: (_, text) => notices.push(text),
    ...options,
  });
  const engine = createEngine({ replica: store.replica, hashSeed: 7 });
  engine.setNow(Date.now());
  await store.load(engine);
  store.attach(engine);
  return { store, engine, notices };
}

/** One SET as one txn. */
export function set(engine: Engine, key: string, value: string): void {
  engine.begin();
  engine.databases[0].strings.write(Slice.of(key), Slice.of(value), NO_DEADLINE);
  engine.commit();
}

export function increment(engine: Engine, key: string): void {
  engine.begin();
  engine.databases[0].strings.addInteger(Slice.of(key), 1);
  engine.commit();
}

export function get(engine: Engine, key: string): string | null {
  const out = new Slice();
  return engine.databases[0].strings.read(Slice.of(key), out) === 1 ? out.text() : null;
}

/** A replica without a store: a peer. */
export function peer(replica: string): { engine: Engine; envelopes: Envelope[] } {
  const engine = createEngine({ replica, hashSeed: 7 });
  engine.setNow(Date.now());
  const envelopes: Envelope[] = [];
  engine.onEnvelope((envelope) => envelopes.push(envelope));
  return { engine, envelopes };
}

/** Resolves when a new directory has noted where it is, a moment after the start: who copies it would meet a file that goes. */
export async function settled(directory: string): Promise<void> {
  const place = join(directory, 'place.json');
  const deadline = Date.now() + 20_000;
  while (!existsSync(place) || existsSync(`${place}.new`)) {
    if (Date.now() > deadline) throw new Error(`${directory} does not settle`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves when everything so far is on disk; rejects if that failed. */
export function durable(store: Store): Promise<void> {
  return new Promise((resolve, reject) => {
    store.whenDurable((failed) => (failed ? reject(new Error(store.failure ?? 'failed')) : resolve()));
  });
}
