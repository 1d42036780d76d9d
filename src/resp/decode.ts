/** Replies back into JavaScript values: for the in-process client, tests and scripts. */

export class ReplyError extends Error {
  override name = 'ReplyError';

  /** Without a stack, which says nothing of an answer and takes longer than all else of it. */
  static of(text: string): ReplyError {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const error = new ReplyError(text);
    Error.stackTraceLimit = stackTraceLimit;
    return error;
  }
}

export type ReplyValue =
  | null
  | string
  | number
  | bigint
  | boolean
  | ReplyError
  | ReplyValue[]
  | Map<ReplyValue, ReplyValue>;

/** Bytes that are no reply. */
export class ReplyFormatError extends Error {
  override name = 'ReplyFormatError';
}

/** Nothing nests deeper here; Redis's own replies go five deep. */
const DEPTH_MAX = 64;

/**
 * The reply at `at`, and where the next one starts; null if the bytes end before it does. Strings are latin1. Throws
 * ReplyFormatError.
 */
export function decodeReply(bytes: Buffer, at = 0, depth = 0): { value: ReplyValue; next: number } | null {
  if (depth > DEPTH_MAX) throw new ReplyFormatError(`a reply that is nested more than ${DEPTH_MAX} deep`);
  const lineEnd = bytes.indexOf('\r\n', at);
  if (lineEnd < 0) return null;
  const line = bytes.toString('latin1', at + 1, lineEnd);
  const next = lineEnd + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+':
    case '(':
      return { value: line, next };
    case '-':
      return { value: ReplyError.of(line), next };
    case ':':
      return { value: integerOf(line), next };
    case ',':
      return {
        value: line === 'inf' ? Number.POSITIVE_INFINITY : line === '-inf' ? Number.NEGATIVE_INFINITY : Number(line),
        next,
      };
    case '#':
      return { value: line === 't', next };
    case '_':
      return { value: null, next };
    case '$':
    case '=':
    case '!': {
      const length = lengthOf(line);
      if (length < 0) return { value: null, next };
      if (bytes.length < next + length + 2) return null;
      const text = bytes.toString('latin1', next, next + length);
      return { value: bytes[at] === 61 ? text.slice(4) : text, next: next + length + 2 };
    }
    case '*':
    case '~':
    case '>':
      return decodeArray(bytes, next, lengthOf(line), depth);
    case '%': {
      const flat = decodeArray(bytes, next, lengthOf(line) * 2, depth);
      if (flat === null || !Array.isArray(flat.value)) return flat;
      const map = new Map<ReplyValue, ReplyValue>();
      for (let i = 0; i < flat.value.length; i += 2) map.set(flat.value[i], flat.value[i + 1]);
      return { value: map, next: flat.next };
    }
    case '|': {
      // attributes are about the reply that follows; nobody here asks for them
      const attributes = decodeArray(bytes, next, lengthOf(line) * 2, depth);
      return attributes === null ? null : decodeReply(bytes, attributes.next, depth + 1);
    }
    default:
      throw new ReplyFormatError(`no reply starts with byte ${bytes[at]}`);
  }
}

function integerOf(line: string): number | bigint {
  if (!/^[+-]?\d+$/.test(line)) throw new ReplyFormatError(`${JSON.stringify(line)} is no number`);
  return Number.isSafeInteger(Number(line)) ? Number(line) : BigInt(line);
}

/** Of a string, or how many replies an array holds; −1: null. */
function lengthOf(line: string): number {
  const length = integerOf(line);
  if (typeof length !== 'number' || length < -1) throw new ReplyFormatError(`${line} is no length`);
  return length;
}

function decodeArray(
  bytes: Buffer,
  at: number,
  size: number,
  depth: number,
): { value: ReplyValue; next: number } | null {
  if (size < 0) return { value: null, next: at };
  const value: ReplyValue[] = [];
  let next = at;
  for (let i = 0; i < size; i++) {
    const element = decodeReply(bytes, next, depth + 1);
    if (element === null) return null;
    value.push(element.value);
    next = element.next;
  }
  return { value, next };
}
