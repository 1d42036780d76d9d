/** The order of a sorted set against a sorted array: ranks, walks and bounds, through splits and joins of blocks. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Arena } from '../../src/core/arena.ts';
import { ByteTable } from '../../src/core/byte-table.ts';
import { Slice } from '../../src/core/slice.ts';
import { Ranking } from '../../src/core/types/ranking.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);

interface Entry {
  score: number;
  member: Buffer;
  reference: number;
}

/** A table of members, the ranking over it, and the same as an array. */
class Subject {
  readonly table = new ByteTable(new Arena(), 5);
  readonly ranking = new Ranking(this.table);
  readonly entries: Entry[] = [];

  private addToTable(member: Buffer): number {
    return this.table.referenceAt(this.table.insert(member, 0, member.length, 0));
  }

  has(member: Buffer): boolean {
    return this.table.find(member, 0, member.length) >= 0;
  }

  insert(score: number, member: Buffer): void {
    const reference = this.addToTable(member);
    this.ranking.insert(score, reference);
    this.entries.push({ score, member, reference });
    this.sort();
  }

  fill(pairs: readonly (readonly [number, Buffer])[]): void {
    for (const [score, member] of pairs) {
      if (!this.has(member)) this.entries.push({ score, member, reference: this.addToTable(member) });
    }
    this.ranking.fill(
      Float64Array.from(this.entries, ({ score }) => score),
      Uint32Array.from(this.entries, ({ reference }) => reference),
    );
    this.sort();
  }

  removeAt(rank: number): void {
    const [{ score, member, reference }] = this.entries.splice(rank, 1);
    assert.ok(this.ranking.remove(score, reference));
    this.table.removeAt(this.table.find(member, 0, member.length));
  }

  private sort(): void {
    this.entries.sort((one, other) => one.score - other.score || one.member.compare(other.member));
  }

  walked(from: number, count: number, step: 1 | -1): number[] {
    const found: number[] = [];
    this.ranking.walk(from, count, step, (reference) => found.push(reference));
    return found;
  }

  check(): void {
    const { entries, ranking } = this;
    const references = entries.map(({ reference }) => reference);
    assert.is(ranking.size, entries.length);
    assert.equal(this.walked(0, Number.POSITIVE_INFINITY, 1), references);
    assert.equal(this.walked(entries.length - 1, Number.POSITIVE_INFINITY, -1), references.reverse());
    for (const [rank, { score, reference }] of entries.entries()) assert.is(ranking.rank(score, reference), rank);
  }
}

const score = fc.oneof(
  fc.constantFrom(0, 1, -1, 2.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.integer({ min: -50, max: 50 }),
  fc.double({ noNaN: true }).map((each) => (each === 0 ? 0 : each)),
);
const member = fc.oneof(
  fc.string({ maxLength: 3 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
);
const pairs = fc.array(fc.tuple(score, member), { maxLength: 2000, size: 'max' });

test('it holds what a sorted array holds, whatever goes in and out', () => {
  fc.assert(
    fc.property(
      pairs,
      pairs,
      fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
      (before, after, draw) => {
        const subject = new Subject();
        subject.fill(before);
        subject.check();
        const next = () => Number(draw.next().value);
        for (const [each, name] of after) {
          if (!subject.has(name)) subject.insert(each, name);
          // at times more goes than comes
          for (let out = next() < 0.5 ? 0 : 3 * next(); out > 1 && subject.entries.length > 0; out--)
            subject.removeAt(Math.floor(next() * subject.entries.length));
        }
        subject.check();
        while (subject.entries.length > 0) subject.removeAt(Math.floor(next() * subject.entries.length));
        subject.check();
      },
    ),
    { numRuns: RUNS },
  );
});

test('bounds by score and by bytes count what stands before them', () => {
  fc.assert(
    fc.property(
      pairs,
      fc.array(score, { minLength: 5 }),
      fc.array(member, { minLength: 5 }),
      (all, scores, members) => {
        const byScore = new Subject();
        byScore.fill(all);
        for (const bound of [...scores, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const below = byScore.entries.filter((each) => each.score < bound).length;
          const upTo = byScore.entries.filter((each) => each.score <= bound).length;
          assert.is(byScore.ranking.countBelow(bound, false), below);
          assert.is(byScore.ranking.countBelow(bound, true), upTo);
        }
        const byBytes = new Subject();
        byBytes.fill(all.map(([, name]) => [7, name] as const));
        for (const bound of members) {
          const before = byBytes.entries.filter((each) => each.member.compare(bound) < 0).length;
          const upTo = byBytes.entries.filter((each) => each.member.compare(bound) <= 0).length;
          assert.is(byBytes.ranking.countBefore(bound, 0, bound.length, false), before);
          assert.is(byBytes.ranking.countBefore(bound, 0, bound.length, true), upTo);
        }
      },
    ),
    { numRuns: RUNS },
  );
});

test('an entry that does not stand where it should is told, and nothing is taken out', () => {
  const subject = new Subject();
  subject.fill([0, 1, 2].map((i) => [i, Buffer.from([i])] as const));
  const [first, second] = subject.entries;
  assert.not(subject.ranking.remove(7, first.reference));
  assert.not(subject.ranking.remove(first.score, second.reference));
  assert.is(subject.ranking.rank(7, first.reference), -1);
  subject.check();
});

test('walks begin anywhere, end where they are told, and visit nothing outside', () => {
  const subject = new Subject();
  subject.fill(Array.from({ length: 1000 }, (_, i) => [i % 10, Buffer.from(String(i))] as const));
  const references = subject.entries.map(({ reference }) => reference);
  assert.equal(subject.walked(190, 5, 1), references.slice(190, 195));
  assert.equal(subject.walked(194, 5, -1), references.slice(190, 195).reverse());
  assert.equal(subject.walked(998, 100, 1), references.slice(998));
  assert.equal(subject.walked(1, 100, -1), references.slice(0, 2).reverse());
  for (const from of [-1, 1000]) assert.equal(subject.walked(from, 10, 1), []);
  assert.equal(new Subject().walked(0, 10, 1), []);
  const slice = Slice.of('x');
  assert.is(new Subject().ranking.countBefore(slice.bytes, 0, 1, true), 0);
});

test.run();
