/**
 * The law behind every example: after a history, whoever gets the txns in whatever order, some twice, or gets states
 * instead, shows the same. Histories are short enough to try every order.
 */
import * as assert from 'uvu/assert';
import { contents, makeReplica, type Replica, syncAll } from './cluster.ts';

/** All orders are tried up to so many envelopes (720); of more, some. */
const PERMUTED_MAX = 6;

/**
 * Brings all replicas to the same state and checks that any order of delivery, duplicates, and merges of states would
 * have brought others there. Returns what all of them show.
 */
export function settle(replicas: readonly Replica[]): Record<string, unknown> {
  for (const { engine } of replicas) engine.seal();
  const merged = mergedFrom(replicas);
  syncAll(replicas, true);
  // what was sent first is sent again: some waited for it
  syncAll(replicas);
  const [first, ...others] = replicas;
  for (const other of others) assertSame(other, first);
  const envelopes = replicas.flatMap(({ sealed }) => sealed.map(({ bytes }) => bytes));
  for (const order of ordersOf(envelopes)) {
    const late = makeReplica(20);
    late.engine.setNow(first.engine.now);
    for (const bytes of order) late.engine.receive(bytes);
    assertSame(late, first);
    assert.is(late.engine.statistics.waitingEnvelopes, 0);
  }
  assertSame(merged, first);
  return contents(first.db);
}

export function assertSame(a: Replica, b: Replica): void {
  assert.equal(a.engine.vector(), b.engine.vector());
  assert.equal(contents(a.db), contents(b.db));
  assert.is(a.engine.digest(), b.engine.digest());
}

/** A replica that merged the states of all others as they are now. */
function mergedFrom(replicas: readonly Replica[]): Replica {
  const merged = makeReplica(21);
  for (const { engine } of replicas) {
    merged.engine.setNow(engine.now);
    const pages: Uint8Array[] = [];
    let cursor = 0;
    do {
      const page = engine.exportState(cursor, 100);
      pages.push(page.bytes);
      cursor = page.next;
    } while (cursor !== 0);
    merged.engine.importState(pages);
  }
  return merged;
}

function ordersOf<T>(items: readonly T[]): T[][] {
  if (items.length > PERMUTED_MAX) return [[...items], [...items].reverse()];
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) =>
    ordersOf([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]),
  );
}

/** So many replicas that share a history: what `work` does on the first, all have seen. */
export function sharing(count: number, work: (first: Replica) => void = () => {}): Replica[] {
  const replicas = Array.from({ length: count }, (_, i) => makeReplica(i));
  work(replicas[0]);
  syncAll(replicas);
  return replicas;
}

/** Lets the wall clock of all go on. */
export function tick(replicas: readonly Replica[], ms: number): void {
  for (const { engine } of replicas) engine.setNow(engine.now + ms);
}

/** Tells all that everything is stable everywhere: what was kept for others may go. */
export function stabilize(replicas: readonly Replica[]): void {
  syncAll(replicas);
  for (const { engine } of replicas) engine.setStability(engine.vector(), engine.now);
}
