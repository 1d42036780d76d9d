/**
 * The body of a `packed` frame: type and length of the bulk that is in it, then its bytes, deflated. Of what a peer sends
 * never more is inflated than eight times what came, and a mebibyte: a sender that has less to send fills up with zeros.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type Bulk, FrameError, isBulk } from './frames.ts';

/** Type and length, before the deflated bytes. */
const HEAD_BYTES = 5;
/** Bulk that is longer travels as it is: a mebibyte of what does not shrink takes the sender's thread 16 ms. */
export const PLAIN_BYTES_MAX = 1024 * 1024;
const RATIO_MAX = 8;
/** Others take twice the time and more for a few percent. */
const LEVEL = 1;
/** zlib has none shorter. */
const CHUNK_BYTES_MIN = 64;

/** For bulk of at most PLAIN_BYTES_MAX. It may be longer than what it holds. */
export function packBulk(type: Bulk, bytes: Uint8Array): Buffer {
  const deflated = deflateRawSync(bytes, { level: LEVEL });
  const length = Math.max(HEAD_BYTES + deflated.length, Math.ceil(bytes.length / RATIO_MAX));
  const body = Buffer.alloc(length);
  body[0] = type;
  body.writeUInt32BE(bytes.length, 1);
  deflated.copy(body, HEAD_BYTES);
  return body;
}

/** Throws FrameError. */
export function unpackBulk(body: Buffer): { type: Bulk; bytes: Buffer } {
  if (body.length <= HEAD_BYTES) throw new FrameError('packed bulk cut short');
  const type = body[0];
  if (!isBulk(type)) throw new FrameError(`packed frame ${type}`);
  const length = body.readUInt32BE(1);
  if (length < 1 || length > Math.min(RATIO_MAX * body.length, PLAIN_BYTES_MAX))
    throw new FrameError(`${length} bytes packed in ${body.length}`);
  const bytes = inflate(body.subarray(HEAD_BYTES), length);
  if (bytes.length !== length) throw new FrameError(`${bytes.length} bytes packed as ${length}`);
  return { type, bytes };
}

function inflate(deflated: Buffer, length: number): Buffer {
  try {
    // in one piece, with room to see that there is more: zlib would put pieces together by copying them
    const chunkSize = Math.max(CHUNK_BYTES_MIN, length + 1);
    return inflateRawSync(deflated, { chunkSize, maxOutputLength: length });
  } catch (error) {
    throw new FrameError(`packed bulk: ${error instanceof Error ? error.message : String(error)}`);
  }
}
