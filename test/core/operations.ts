/** Random operations on a small key space, as the property tests of the core draw them. */
import fc from 'fast-check';
import { type Database, Decimal, KEEP_DEADLINE, NO_DEADLINE, Slice } from '../../src/core/index.ts';
import { type Replica, START_MS, s, txn } from './cluster.ts';
import { applyToStream, type StreamOperation, streamOperation } from './streams.ts';

export type Operation =
  | StreamOperation
  | { kind: 'set' | 'del' | 'persist' | 'flush' | 'rename' | 'evict'; key: string; value: string }
  | { kind: 'keepttl' | 'hset' | 'sadd' | 'srem' | 'hdel' | 'hpersist'; key: string; value: string; element: string }
  | { kind: 'incr' | 'hincr' | 'incrfloat'; key: string; element: string; delta: number }
  | { kind: 'expire' | 'hexpire'; key: string; element: string; afterMs: number }
  | { kind: 'lpush' | 'rpush' | 'lset' | 'linsert' | 'lrem' | 'lrange'; key: string; value: string; place: number }
  | { kind: 'zadd' | 'zincr' | 'zrem' | 'zrank'; key: string; element: string; score: number };

const key = fc.constantFrom('k', 'l', 'm');
const element = fc.constantFrom('f', 'g', 'h');
const score = fc.constantFrom(
  0,
  1,
  -2.5,
  0.1,
  1e21,
  -1e-7,
  1e17 + 16,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
);
const value = fc.constantFrom('', '5', 'x', '2.5', 'a longer value than others, to change the size class of the entry');

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 10, arbitrary: streamOperation },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('set' as const, 'del' as const), key, value }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('persist' as const, 'flush' as const, 'rename' as const, 'evict' as const),
      key,
      value,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'keepttl' as const,
        'hset' as const,
        'sadd' as const,
        'srem' as const,
        'hdel' as const,
        'hpersist' as const,
      ),
      key,
      value,
      element,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('incr' as const, 'hincr' as const, 'incrfloat' as const),
      key,
      element,
      delta: fc.integer({ min: -3, max: 9 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('expire' as const, 'hexpire' as const),
      key,
      element,
      afterMs: fc.constantFrom(5, 50, 5000),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('zadd' as const, 'zincr' as const, 'zincr' as const, 'zrem' as const, 'zrank' as const),
      key,
      element,
      score,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'lpush' as const,
        'rpush' as const,
        'lset' as const,
        'linsert' as const,
        'linsert' as const,
        'lrem' as const,
        'lrange' as const,
      ),
      key,
      value,
      place: fc.nat(7),
    }),
  },
);

/** Runs operations as one txn, as commands and transactions do. */
export function run(replica: Replica, operations: readonly Operation[]): void {
  txn(replica, (db) => {
    for (const operation of operations) apply(replica, db, operation);
  });
}

/** Where in the table a key is looked for that is to be evicted. */
const PLACES: Readonly<Record<string, number>> = { k: 0, l: 0.4, m: 0.8 };

/** As a command would: a key of another type is left alone. */
function apply(replica: Replica, db: Database, operation: Operation): void {
  {
    const key = s(operation.key);
    const type = db.typeOf(key);
    const free = (wanted: number) => type === 0 || type === wanted;
    switch (operation.kind) {
      case 'set':
        db.strings.write(key, s(operation.value), NO_DEADLINE);
        return;
      case 'keepttl':
        db.strings.write(key, s(operation.value), KEEP_DEADLINE);
        return;
      case 'del':
        db.remove(key);
        return;
      case 'flush':
        db.clear();
        return;
      case 'rename':
        if (type !== 0) {
          db.copyTo(key, db, s('renamed'));
          db.remove(key);
        }
        return;
      case 'evict': {
        const chosen: Slice[] = [];
        const random = () => PLACES[operation.key] ?? 0;
        db.sample({ count: 1, among: 'all', by: 'use', random }, (each) => chosen.push(new Slice(each.key.copy())));
        for (const each of chosen) db.remove(each);
        return;
      }
      case 'persist':
        db.persist(key);
        return;
      case 'expire':
        if (type !== 0) db.expireAt(key, replica.engine.now + operation.afterMs);
        return;
      case 'incr':
        if (free(1)) db.strings.addInteger(key, operation.delta);
        return;
      case 'incrfloat':
        if (free(1)) db.strings.addDecimal(key, Decimal.parse(`${operation.delta}.25`) ?? Decimal.fromInteger(1));
        return;
      case 'hset':
        if (free(2)) db.hashes.set(key, s(operation.element), s(operation.value), NO_DEADLINE);
        return;
      case 'hincr':
        if (free(2)) db.hashes.addInteger(key, s(operation.element), operation.delta);
        return;
      case 'hdel':
        if (type === 2) db.hashes.remove(key, s(operation.element));
        return;
      case 'hexpire':
        if (type === 2 && db.hashes.has(key, s(operation.element)))
          db.hashes.expireAt(key, s(operation.element), replica.engine.now + operation.afterMs);
        return;
      case 'hpersist':
        if (type === 2) db.hashes.persist(key, s(operation.element));
        return;
      case 'sadd':
        if (free(3)) db.sets.add(key, s(operation.element));
        return;
      case 'srem':
        if (type === 3) db.sets.remove(key, s(operation.element));
        return;
      case 'zadd':
        if (free(5)) db.zsets.assign(key, s(operation.element), operation.score);
        return;
      case 'zincr':
        if (free(5)) db.zsets.addScore(key, s(operation.element), operation.score);
        return;
      case 'zrem':
        if (type === 5) db.zsets.remove(key, s(operation.element));
        return;
      case 'lpush':
      case 'rpush':
        if (free(4)) db.lists.push(key, operation.kind === 'lpush' ? 'head' : 'tail', s(operation.value));
        return;
      case 'lset':
        if (type === 4) db.lists.assign(key, operation.place, s(operation.value));
        return;
      case 'linsert': {
        const pivot = operation.place % Math.max(1, type === 4 ? db.lists.size(key) : 1);
        const side = operation.place % 2 === 0 ? 'before' : 'after';
        if (type === 4) db.lists.insert(key, pivot, side, s(operation.value));
        return;
      }
      case 'lrem':
        if (type === 4) db.lists.removeRange(key, operation.place, 1 + (operation.value.length % 2));
        return;
      case 'lrange':
        // from here on the order is kept up to date
        if (type === 4) db.lists.at(key, operation.place, new Slice());
        return;
      case 'xadd':
      case 'xdel':
      case 'xtrim':
      case 'xsetid':
      case 'xcreate':
      case 'xgroupsetid':
      case 'xdestroy':
      case 'xread':
      case 'xnoack':
      case 'xclaim':
      case 'xack':
      case 'xdelconsumer':
      case 'xconsumer':
        if (free(6)) applyToStream(db, operation, type === 6);
        return;
      case 'zrank':
        // from here on the order is kept up to date
        if (type === 5) db.zsets.rank(key, s(operation.element));
        return;
    }
  }
}

/** One step of a run: an operation somewhere, a delivery of one envelope, or the clock. */
export type Step =
  | { step: 'run'; at: number; operations: Operation[] }
  | { step: 'deliver'; from: number; to: number; which: number }
  | { step: 'seal'; at: number }
  | { step: 'tick'; ms: number };

/** Mostly commands, sometimes transactions. */
const operations = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(operation) },
  { weight: 1, arbitrary: fc.array(operation, { minLength: 2, maxLength: 5 }) },
);

export function steps(replicas: number, length: number): fc.Arbitrary<Step[]> {
  const at = fc.nat(replicas - 1);
  return fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ step: fc.constant('run' as const), at, operations }) },
      {
        weight: 5,
        arbitrary: fc.record({ step: fc.constant('deliver' as const), from: at, to: at, which: fc.nat(30) }),
      },
      { weight: 2, arbitrary: fc.record({ step: fc.constant('seal' as const), at }) },
      { weight: 1, arbitrary: fc.record({ step: fc.constant('tick' as const), ms: fc.constantFrom(1, 20, 400) }) },
    ),
    { maxLength: length },
  );
}

export function perform(replicas: readonly Replica[], step: Step): void {
  switch (step.step) {
    case 'run':
      run(replicas[step.at], step.operations);
      return;
    case 'seal':
      replicas[step.at].engine.seal();
      return;
    case 'tick':
      for (const { engine } of replicas) engine.setNow(engine.now + step.ms);
      return;
    case 'deliver': {
      const { sealed } = replicas[step.from];
      if (step.from !== step.to && sealed.length > 0)
        replicas[step.to].engine.receive(sealed[step.which % sealed.length].bytes);
      return;
    }
  }
}

export { START_MS };
