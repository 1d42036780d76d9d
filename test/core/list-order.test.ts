/**
 * One order for all: two elements that anybody has once seen in some order are never seen in the other one, by nobody, even
 * where one of them has gone meanwhile (the strong list specification of Attiya and others, 2016). Each command finds, where
 * it was made, what an array would hold; and what one command has pushed stays together, unless somebody inserts within.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { elementsOf, type Replica, s, syncAll, txn } from './cluster.ts';
import { sharing, tick } from './orders.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 150);
const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);
const REPLICAS = 3;

interface Step {
  readonly kind: 'push' | 'insert' | 'assign' | 'remove' | 'receive' | 'tick';
  readonly at: number;
  readonly place: number;
  readonly count: number;
  readonly flag: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('push', 'push', 'insert', 'insert', 'insert', 'assign', 'remove', 'receive', 'receive', 'tick'),
  at: fc.nat(REPLICAS - 1),
  place: fc.nat(11),
  count: fc.integer({ min: 1, max: 3 }),
  flag: fc.boolean(),
});

/** What anybody has seen, and that it fits together. */
class Observations {
  /** Pairs of elements, the first ahead of the second. */
  private readonly ahead = new Set<string>();

  note(elements: readonly string[]): void {
    elements.forEach((later, i) => {
      for (const earlier of elements.slice(0, i)) {
        assert.not.ok(this.ahead.has(`${later} ${earlier}`), `${earlier} ahead of ${later} in ${elements.join(' ')}`);
        this.ahead.add(`${earlier} ${later}`);
      }
    });
  }
}

test.before(() => console.log(`seed ${SEED}, ${RUNS} runs`));

test('no two elements are ever seen in both orders', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const replicas = sharing(REPLICAS);
      const seen = new Observations();
      // an element is told by the number of the step that made it, which its values go on to bear
      steps.forEach((each, number) => {
        perform(replicas, each, number);
        seen.note(namesIn(replicas[each.at]));
      });
      syncAll(replicas);
      syncAll(replicas);
      for (const replica of replicas) seen.note(namesIn(replica));
      assert.is(new Set(replicas.map(({ engine }) => engine.digest())).size, 1);
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

test('what one command has pushed stays together, whatever is pushed at the same time', () => {
  const pushes = fc.array(fc.record({ at: fc.nat(2), count: fc.integer({ min: 1, max: 4 }), flag: fc.boolean() }));
  fc.assert(
    fc.property(pushes, fc.array(fc.nat(3), { maxLength: 20 }), (all, ticks) => {
      const replicas = sharing(REPLICAS);
      all.forEach(({ at, count, flag }, number) => {
        perform(replicas, { kind: 'push', at, count, flag, place: 0 }, number);
        tick([replicas[number % REPLICAS]], ticks[number % Math.max(1, ticks.length)] ?? 0);
        if (number % 4 === 3) replicas[at].engine.seal();
      });
      syncAll(replicas);
      syncAll(replicas);
      const commands = namesIn(replicas[0]).map((name) => name.split('.')[0]);
      const runs = commands.filter((command, i) => command !== commands[i - 1]);
      assert.is(runs.length, new Set(commands).size, commands.join(' '));
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

/** Names stand before the values that elements were given. */
function namesIn({ db }: Replica): string[] {
  return elementsOf(db, 'l').map((value) => value.split('=')[0]);
}

function perform(replicas: readonly Replica[], { kind, at, place, count, flag }: Step, number: number): void {
  const replica = replicas[at];
  const names = namesIn(replica);
  const index = place % Math.max(1, names.length);
  const added = Array.from({ length: count }, (_, i) => `${number}.${i}`);
  txn(replica, ({ lists }) => {
    if (kind === 'push' || names.length === 0) {
      for (const name of added) lists.push(s('l'), flag ? 'head' : 'tail', s(name));
      names.splice(flag ? 0 : names.length, 0, ...(flag ? added.reverse() : added));
    } else if (kind === 'insert') {
      for (const name of added) lists.insert(s('l'), index, flag ? 'before' : 'after', s(name));
      names.splice(flag ? index : index + 1, 0, ...added.reverse());
    } else if (kind === 'assign') lists.assign(s('l'), index, s(`${names[index]}=${number}`));
    else if (kind === 'remove') {
      lists.removeRange(s('l'), index, count);
      names.splice(index, count);
    }
  });
  assert.equal(namesIn(replica), names);
  if (kind === 'tick') tick([replica], place);
  if (kind !== 'receive') return;
  for (const { engine, sealed } of replicas) {
    engine.seal();
    if (engine !== replica.engine) for (const { bytes } of sealed) replica.engine.receive(bytes);
  }
}

test.run();
