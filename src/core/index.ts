/**
 * core/: the replicated data machine. Everything that the rest of Starling may use of it is exported here.
 */
export { MalformedError } from './bytes.ts';
export type { Compared } from './comparison.ts';
export { fingerprintsOf } from './comparison.ts';
export * from './contract.ts';
export { Decimal, isInfinity } from './decimal.ts';
export { createEngine } from './engine.ts';
export { formatInteger, parseInteger } from './integer.ts';
export { decodePlainMap } from './plain-cbor.ts';
export { Slice } from './slice.ts';
