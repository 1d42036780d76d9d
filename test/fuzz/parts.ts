/**
 * Several byte strings in one input, for what takes more than one: each a kind (1 byte), a length (4 bytes,
 * little-endian) and its bytes. What is cut short counts as far as it goes, so that any bytes are some parts.
 */
import type { MutationContext } from './target.ts';

export interface Part {
  readonly kind: number;
  readonly bytes: Buffer;
}

const HEAD_BYTES = 5;

export function packParts(parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.flatMap(({ kind, bytes }) => {
      const head = Buffer.alloc(HEAD_BYTES);
      head[0] = kind;
      head.writeUInt32LE(bytes.length, 1);
      return [head, bytes];
    }),
  );
}

export function unpackParts(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const start = at + HEAD_BYTES;
    const end = Math.min(start + bytes.readUInt32LE(at + 1), bytes.length);
    parts.push({ kind: bytes[at], bytes: bytes.subarray(start, end) });
    at = end;
  }
  return parts;
}

/** One part changed, left out, put in twice, or taken from another input. */
export function mutateParts(
  bytes: Buffer,
  { random, other, scramble }: MutationContext,
  change: (part: Part) => Buffer = (part) => scramble(part.bytes),
): Buffer {
  const parts = unpackParts(bytes);
  if (parts.length === 0) return other;
  const at = random.below(parts.length);
  const foreign = unpackParts(other);
  switch (random.below(8)) {
    case 0:
      parts.splice(at, 1);
      break;
    case 1:
      parts.splice(random.below(parts.length + 1), 0, parts[at]);
      break;
    case 2:
      if (foreign.length > 0) parts.splice(at, random.below(2), random.pick(foreign));
      break;
    case 3: {
      const [moved] = parts.splice(at, 1);
      parts.splice(random.below(parts.length + 1), 0, moved);
      break;
    }
    default:
      parts[at] = { kind: parts[at].kind, bytes: change(parts[at]) };
  }
  return packParts(parts);
}
