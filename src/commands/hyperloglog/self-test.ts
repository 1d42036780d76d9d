/** PFSELFTEST: whether registers keep what they are given, in both forms alike, and estimates are as near as they promise. */
import { Slice } from '../../core/slice.ts';
import { DENSE_BYTES, denseRegister, raiseDense } from './dense.ts';
import { hashElement, REGISTERS } from './hash.ts';
import { Registers, Sketch } from './sketch.ts';

const SPARSE_BYTES_MAX = 3000;
/** The standard error of so many registers is 0.81 %: six times that are one in a billion. */
const ERROR_MAX = (6 * 1.04) / Math.sqrt(REGISTERS);
const ELEMENTS = 200_000;

/** Null, or what is wrong. */
export function testSketches(): string | null {
  return testRegisters() ?? testEstimates();
}

function testRegisters(): string | null {
  const bytes = Buffer.alloc(DENSE_BYTES);
  const expected = Uint8Array.from({ length: REGISTERS }, (_, index) => (index * 31 + 7) % 52);
  for (const [index, count] of expected.entries()) raiseDense(bytes, 0, index, count);
  const wrong = expected.findIndex((count, index) => denseRegister(bytes, 0, index) !== count);
  return wrong < 0
    ? null
    : `register ${wrong} holds ${denseRegister(bytes, 0, wrong)} and was given ${expected[wrong]}`;
}

/** One sketch becomes dense on its way, the other is dense from the beginning. */
function testEstimates(): string | null {
  const sketch = Sketch.empty();
  const dense = Sketch.empty();
  dense.makeDense();
  const element = Buffer.alloc(8);
  for (let number = 1; number <= ELEMENTS; number++) {
    element.writeDoubleLE(number);
    const { index, count } = hashElement(new Slice(element));
    sketch.raise(index, count, SPARSE_BYTES_MAX);
    dense.raise(index, count, SPARSE_BYTES_MAX);
    if (number % 1000 !== 0 && number > 100) continue;
    const [one, other] = [sketch, dense].map(cardinalityOf);
    if (one !== other) return `the sparse form counts ${one} where the dense one counts ${other}`;
    if (Math.abs(one - number) > Math.max(2, number * ERROR_MAX)) return `${number} elements are counted as ${one}`;
  }
  return null;
}

function cardinalityOf(sketch: Sketch): number {
  const registers = new Registers();
  sketch.mergeInto(registers);
  return registers.cardinality();
}
