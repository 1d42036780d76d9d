/**
 * Sketches that were written concurrently: a string keeps all values of which none has observed another, and of sketches
 * all count, but no value beside them that is none. Whoever reads one sees the registers of all of them, each at its highest;
 * the next PFADD or PFMERGE writes that, and so makes one value of them again. Nothing but the reading of strings is different for it.
 */
import { type Engine, KeyType } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { isSketch, Registers, Sketch } from './sketch.ts';

/**
 * `shown`: the value of a string that isSketch(). If other sketches stand beside it, fills `shown` with what they are
 * together, in bytes of its own, and is true.
 */
export function joinSiblings(
  engine: Engine,
  database: number,
  key: Slice,
  shown: Slice,
  sparseBytesMax: number,
): boolean {
  const strings = engine.inspect(database, key)?.parts.find(({ type }) => type === KeyType.string);
  const values = strings?.elements[0]?.values ?? [];
  if (values.length < 2) return false;
  const sketches: Sketch[] = [];
  for (const { value } of values) {
    const slice = new Slice(value);
    if (isSketch(slice)) sketches.push(Sketch.of(slice));
  }
  if (sketches.length < 2) return false;
  const union = unionOf(Sketch.of(shown), sketches, sparseBytesMax);
  union?.value(shown);
  return union !== undefined;
}

/** `into` with all that the others hold; undefined if one of them is corrupt. */
export function unionOf(into: Sketch, others: readonly Sketch[], sparseBytesMax: number): Sketch | undefined {
  const registers = new Registers();
  for (const each of others) if (!each.mergeInto(registers)) return undefined;
  if (others.some(({ form }) => form === 'dense') && !into.makeDense()) return undefined;
  const { counts } = registers;
  for (let index = 0; index < counts.length; index++) {
    const count = counts[index];
    if (count > 0 && into.raise(index, count, sparseBytesMax) === undefined) return undefined;
  }
  into.forgetCardinality();
  return into;
}
