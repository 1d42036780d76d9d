/** Libraries of functions as FUNCTION DUMP gives them and FUNCTION RESTORE takes them: their sources, as in an RDB file. */
import { crc64 } from './crc64.ts';
import { encodeLength, Reader } from './encoding.ts';
import { PayloadError } from './packed.ts';

const LIBRARY = 0xf5;
/** Of release candidates of Redis 7.0. */
const LIBRARY_BEFORE_RELEASE = 0xf6;
/** Of Redis 7.0. */
const VERSION = 10;
const FOOTER_BYTES = 10;

export function encodeFunctions(sources: readonly Buffer[]): Buffer {
  const pieces = sources.flatMap((source) => [Buffer.from([LIBRARY]), encodeLength(source.length), source]);
  const body = Buffer.concat([...pieces, Buffer.from([VERSION, 0])]);
  return Buffer.concat([body, crc64(body, 0, body.length)]);
}

/** Of an intact payload: the sources, or what is wrong. */
export function decodeFunctions(payload: Buffer): Buffer[] | { readonly error: string } {
  const body = payload.subarray(0, payload.length - FOOTER_BYTES);
  const reader = new Reader(body);
  const sources: Buffer[] = [];
  try {
    while (reader.left > 0) {
      const mark = reader.byte();
      if (mark === LIBRARY_BEFORE_RELEASE) return { error: 'ERR Pre-GA function format not supported' };
      if (mark !== LIBRARY) return { error: 'ERR given type is not a function' };
      sources.push(reader.run());
    }
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    return { error: 'ERR failed loading functions payload' };
  }
  return sources;
}
