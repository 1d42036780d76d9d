/** The order of a list against a sorted array: indexes and walks, through blocks that come and go at the ends and within. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Arena } from '../../src/core/arena.ts';
import { ByteTable } from '../../src/core/byte-table.ts';
import { Sequence } from '../../src/core/types/sequence.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);

interface Entry {
  readonly name: Buffer;
  readonly reference: number;
}

/** A table of elements, the sequence over it, and the same as an array. */
class Subject {
  readonly table = new ByteTable(new Arena(), 5);
  readonly sequence = new Sequence(this.table);
  readonly entries: Entry[] = [];

  private addToTable(name: Buffer): number {
    return this.table.referenceAt(this.table.insert(name, 0, name.length, 0));
  }

  fill(names: readonly Buffer[]): void {
    for (const name of names) if (!this.has(name)) this.entries.push({ name, reference: this.addToTable(name) });
    this.sequence.fill(Uint32Array.from(this.entries, ({ reference }) => reference));
    this.entries.sort((one, other) => one.name.compare(other.name));
  }

  has(name: Buffer): boolean {
    return this.table.find(name, 0, name.length) >= 0;
  }

  insert(name: Buffer): void {
    const reference = this.addToTable(name);
    this.sequence.insert(reference);
    let at = 0;
    while (at < this.entries.length && this.entries[at].name.compare(name) < 0) at++;
    this.entries.splice(at, 0, { name, reference });
  }

  removeAt(index: number): void {
    const [{ name, reference }] = this.entries.splice(index, 1);
    assert.ok(this.sequence.remove(reference));
    this.table.removeAt(this.table.find(name, 0, name.length));
  }

  walked(from: number, count: number, step: 1 | -1): number[] {
    const found: number[] = [];
    this.sequence.walk(from, count, step, (reference) => {
      found.push(reference);
      return true;
    });
    return found;
  }

  check(): void {
    const references = this.entries.map(({ reference }) => reference);
    const { length } = references;
    assert.is(this.sequence.size, length);
    assert.equal(
      references.map((_, index) => this.sequence.at(index)),
      references,
    );
    assert.equal([this.sequence.at(-1), this.sequence.at(length)], [0, 0]);
    assert.equal(this.walked(0, Number.POSITIVE_INFINITY, 1), references);
    assert.equal(this.walked(length - 1, Number.POSITIVE_INFINITY, -1), references.reverse());
  }
}

const numbered = (number: number) => {
  const name = Buffer.alloc(4);
  name.writeUInt32BE(2 ** 31 + number);
  return name;
};
const names = fc.array(
  fc.oneof(
    fc.integer({ min: -5000, max: 5000 }).map(numbered),
    fc.uint8Array({ maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
  ),
  { maxLength: 1500, size: 'max' },
);

test('it holds what a sorted array holds, whatever goes in and out, at the ends or within', () => {
  const draws = fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true }));
  fc.assert(
    fc.property(names, names, draws, (before, after, draw) => {
      const subject = new Subject();
      const next = () => Number(draw.next().value);
      subject.fill(before);
      subject.check();
      let ends = 0;
      for (const name of after) {
        if (!subject.has(name)) subject.insert(name);
        // a queue: in at one end, out at the other
        ends++;
        for (const far of [numbered(10_000 + ends), numbered(-10_000 - ends)]) if (next() < 0.5) subject.insert(far);
        for (let out = 4 * next(); out > 1 && subject.entries.length > 0; out--) {
          const { length } = subject.entries;
          subject.removeAt(next() < 0.3 ? 0 : next() < 0.3 ? length - 1 : Math.floor(next() * length));
        }
        // a tree that was asked for is kept, and must follow
        if (next() < 0.1) {
          const at = Math.floor(next() * subject.entries.length);
          assert.is(subject.sequence.at(at), subject.entries[at]?.reference ?? 0);
        }
      }
      subject.check();
      while (subject.entries.length > 0) subject.removeAt(Math.floor(next() * subject.entries.length));
      subject.check();
    }),
    { numRuns: RUNS },
  );
});

test('an entry that does not stand where it should is told, and nothing is taken out', () => {
  const subject = new Subject();
  subject.fill([0, 1, 2, 3, 4].map(numbered));
  const [, , { reference }] = subject.entries;
  subject.table.bufferOf(reference)[subject.table.keyStart(reference)] ^= 0x80;
  assert.not(subject.sequence.remove(reference));
  assert.is(subject.sequence.size, 5);
});

test('walks begin anywhere, and end where they are told', () => {
  const subject = new Subject();
  subject.fill(Array.from({ length: 1000 }, (_, i) => numbered(i)));
  const references = subject.entries.map(({ reference }) => reference);
  assert.equal(subject.walked(190, 5, 1), references.slice(190, 195));
  assert.equal(subject.walked(194, 5, -1), references.slice(190, 195).reverse());
  assert.equal(subject.walked(998, 100, 1), references.slice(998));
  for (const from of [-1, 1000]) assert.equal(subject.walked(from, 10, 1), []);
  let visited = 0;
  subject.sequence.walk(100, 500, 1, () => ++visited < 7);
  assert.is(visited, 7);
});

test('cursors begin at any name, whether it is there or not, and elements before a name are counted', () => {
  const subject = new Subject();
  subject.fill(Array.from({ length: 1000 }, (_, i) => numbered(2 * i)));
  const { sequence, entries } = subject;
  const from = (number: number, step: 1 | -1, beyond = false) => {
    const name = numbered(number);
    const cursor = sequence.cursor(name, 0, name.length, step, beyond);
    const first = cursor.reference;
    return [first, cursor.advance().reference].map((each) => entries.findIndex(({ reference }) => reference === each));
  };
  for (const at of [0, 1, 189, 190, 191, 192, 500, 998]) {
    assert.equal(from(2 * at, 1), [at, at + 1]);
    assert.equal(from(2 * at, -1), [at, at - 1]);
    assert.equal(from(2 * at + 1, 1), [at + 1, at + 2 < 1000 ? at + 2 : -1]);
    assert.equal(from(2 * at + 1, -1), [at, at - 1]);
    assert.equal(from(2 * at, 1, true)[0], at + 1);
    assert.equal(from(2 * at, -1, true)[0], at - 1);
    const name = numbered(2 * at);
    assert.is(sequence.countBefore(name, 0, name.length, false), at);
    assert.is(sequence.countBefore(name, 0, name.length, true), at + 1);
  }
  assert.equal(from(-2, 1), [0, 1]);
  assert.equal(from(-2, -1), [-1, -1]);
  assert.equal(from(5000, 1), [-1, -1]);
  assert.equal(from(5000, -1), [999, 998]);
  const empty = new Subject();
  const name = numbered(1);
  assert.is(empty.sequence.cursor(name, 0, name.length, 1).advance().reference, 0);
  assert.is(empty.sequence.cursor(name, 0, name.length, -1).advance().reference, 0);
  assert.is(empty.sequence.countBefore(name, 0, name.length, true), 0);
});

test.run();
