/** What the tests of streams do, on a stream x and a group g of it. */
import { STREAM_ID_MIN } from '../../src/core/index.ts';
import { type Replica, s, txn } from './cluster.ts';
import { sharing } from './orders.ts';
import { id, idText, pendingOf } from './streams.ts';

export const x = s('x');
export const g = s('g');

export function add(replica: Replica, at: string | null = null, value = 'v'): string {
  return txn(replica, ({ streams }) => {
    const next = at === null ? streams.generateId(x) : id(at);
    if (next === null) return 'none';
    streams.add(x, next, [s('f'), s(value)], 0, 2);
    return idText(next);
  });
}

export function read(replica: Replica, consumer: string, count = 100, noAck = false): string[] {
  const got: string[] = [];
  txn(replica, ({ streams }) =>
    streams.readNew(x, g, s(consumer), count, noAck, (entry) => got.push(idText(entry.id))),
  );
  return got;
}

export function createGroup(replica: Replica, start = STREAM_ID_MIN, name = 'g'): boolean {
  return txn(replica, ({ streams }) => streams.createGroup(x, s(name), start, null));
}

export function remove(replica: Replica, at: string): number {
  return txn(replica, ({ streams }) => streams.remove(x, id(at)));
}

export function acknowledge(replica: Replica, at: string): number {
  return txn(replica, ({ streams }) => streams.acknowledge(x, g, id(at)));
}

export function removeKey(replica: Replica): boolean {
  return txn(replica, (db) => db.remove(x));
}

export function statusOf({ db }: Replica) {
  const status = db.streams.status(x);
  if (status === null) throw new Error('no stream');
  return status;
}

export function pending({ db }: Replica, consumer: string | null = null): string[] {
  return pendingOf(db, 'x', 'g', consumer).map((each) => each.split(' ').slice(0, 2).join(' '));
}

/** Two replicas with a stream of these entries and a group at its beginning. */
export function withGroup(...ids: string[]): Replica[] {
  return sharing(2, (first) => {
    for (const each of ids) add(first, each);
    createGroup(first);
  });
}
