/**
 * core/: the replicated data machine. Everything that the rest of Starling may use of it is exported here.
 */
export { MalformedError } from './bytes.ts';
export { unixMsOf } from './clock.ts';
export type { Choice, Compared } from './comparison.ts';
export { fingerprintsOf, isMarked } from './comparison.ts';
export * from './contract.ts';
export type { Flip } from './damage.ts';
export { Decimal, isInfinity } from './decimal.ts';
export { createEngine } from './engine.ts';
export { formatInteger, parseInteger } from './integer.ts';
export type { DifferingKey, Mended } from './mending.ts';
export { decodePlainMap } from './plain-cbor.ts';
export { packRetirements, unpackRetirements } from './retirement.ts';
export { bitmapOf, slotsOf } from './self-check.ts';
export { Slice } from './slice.ts';
export { distanceTo } from './types/stream-distance.ts';
export {
  compareStreamIds,
  STREAM_ID_MAX,
  STREAM_ID_MIN,
  streamIdAfter,
  streamIdBefore,
} from './types/stream-id.ts';
export { STREAM_NUMBER_MAX } from './types/stream-values.ts';
