/**
 * Memory of the machine that a key takes: how much more the process holds (its resident set) fifteen seconds after the last write,
 * the log in memory, what waits for the disk, tables that have room to grow and all, by the number of keys.
 */
import { sleep } from '../../test/processes/node-process.ts';
import { fill, SHAPES, type Shape } from './filling.ts';
import { type Product, Subject } from './subject.ts';

export interface Memory {
  readonly shape: Shape;
  readonly keys: number;
  readonly bytesPerKey: Record<Product, number>;
}

const SETTLING_MS = 15_000;

/** Keys of each shape, of what `strings` says. */
const SHARE: Record<Shape, number> = { strings: 1, hashes: 1, sets: 0.1, zsets: 0.1, lists: 0.1 };

/** `strings`: how many keys of the first shape. */
export async function measureMemory(strings: number, progress: (line: string) => void): Promise<Memory[]> {
  const measured: Memory[] = [];
  for (const shape of SHAPES) {
    const keys = Math.max(1, Math.round(strings * SHARE[shape]));
    progress(`memory of ${keys} ${shape}`);
    // side by side: nothing here depends on time
    const [redis, starling] = await Promise.all([bytesOf('redis', shape, keys), bytesOf('starling', shape, keys)]);
    measured.push({ shape, keys, bytesPerKey: { redis, starling } });
  }
  return measured;
}

async function bytesOf(product: Product, shape: Shape, keys: number): Promise<number> {
  const subject = await Subject.start(product, 'alone');
  const before = subject.entry.residentBytes();
  await fill(subject.entry.port, shape, keys);
  // not until the checkpoint behind ten million fields has come to its end, which takes minutes and no memory
  await sleep(SETTLING_MS);
  const bytes = subject.entry.residentBytes() - before;
  await subject.stop();
  return bytes / keys;
}
