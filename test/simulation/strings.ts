/** Strings as they are compared with the oracle's: of sketches the registers, since one set of them has many forms. */

import { joinSiblings } from '../../src/commands/hyperloglog/siblings.ts';
import { isSketch, Registers, Sketch } from '../../src/commands/hyperloglog/sketch.ts';
import { type Database, type Engine, Slice } from '../../src/core/index.ts';
import { violated } from './history.ts';
import { sketched } from './oracle-sketches.ts';

/** Redis's own `hll-sparse-max-bytes`. */
const SPARSE_BYTES_MAX = 3000;

/** Of a string; of a sketch the registers, with all that counts of what stands there. */
export function textOf(engine: Engine, database: Database, key: Slice, value: Slice): string {
  if (!isSketch(value)) return value.latin1();
  joinSiblings(engine, engine.databases.indexOf(database), key, value, SPARSE_BYTES_MAX);
  return registersOf(Sketch.of(value));
}

function registersOf(sketch: Sketch): string {
  const registers = new Registers();
  if (!sketch.mergeInto(registers)) violated('I2', `a sketch is corrupt: ${sketch.form}`);
  let text = 'sketch';
  registers.counts.forEach((count, index) => {
    if (count > 0) text += ` ${index}:${count}`;
  });
  return text;
}

/** The same from what was added. */
export function specifiedText(value: string): string {
  const added = sketched(value);
  if (added === null) return value;
  const sketch = Sketch.empty();
  for (const element of added) sketch.add(Slice.of(element), SPARSE_BYTES_MAX);
  return registersOf(sketch);
}
