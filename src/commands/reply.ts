/**
 * How a handler answers. One reply a command; aggregates are opened with their size and followed by so many
 * elements. The implementation (resp/) writes RESP2 or RESP3 straight into the socket's output buffer, as the
 * client chose with HELLO.
 */
import type { Integer } from '../core/contract.ts';
import type { Slice } from '../core/slice.ts';

export interface Reply {
  /** 2 or 3. */
  readonly protocol: number;
  ok(): void;
  /** +text, for status replies; no CR or LF in it. */
  status(text: string): void;
  integer(value: Integer): void;
  /** 1 or 0 (as an integer in both protocols; SISMEMBER and friends). */
  flag(value: boolean): void;
  bulk(value: Slice): void;
  bulkBytes(value: Uint8Array): void;
  /** UTF-8. */
  bulkText(text: string): void;
  /** $-1 or _ */
  nil(): void;
  /** *-1 or _ */
  nilArray(): void;
  array(size: number): void;
  /** %n in RESP3, *2n in RESP2; n pairs follow. */
  map(size: number): void;
  /** ~n in RESP3, *n in RESP2. */
  set(size: number): void;
  /** >n in RESP3, *n in RESP2. */
  push(size: number): void;
  /** |n: n pairs follow, then the reply that they are about. RESP3 only; to a RESP2 client nothing of it may be written. */
  attribute(size: number): void;
  /** ,d in RESP3, bulk in RESP2, in Redis's shortest form. */
  double(value: number): void;
  /** The same with all its digits, 17 of them behind the point at most (GEOPOS). */
  exactDouble(value: number): void;
  /** #t in RESP3, :1 in RESP2. */
  boolean(value: boolean): void;
  /** =txt: in RESP3, bulk in RESP2 (INFO, CLIENT LIST, LOLWUT). */
  verbatim(text: string): void;
  /** The same for bytes, with a format of three letters. */
  verbatimBytes(format: string, value: Uint8Array): void;
  /** (n in RESP3, bulk in RESP2. */
  bigNumber(digits: string): void;
  /**
   * `-text`: the whole line with its prefix, such as 'ERR syntax error'. CR and LF in it become spaces. Counted in
   * errorstats, unless somebody has done so already.
   */
  error(text: string, counted?: boolean): void;
  /** The reply that was begun may still be withdrawn: position now, and back to it (EXEC's abort, failed handlers). */
  mark(): number;
  rewind(mark: number): void;
  /** It must not become longer than something; `mayStop`: a command that writes too much is broken off by a ReplyOverflow. */
  readonly isLimited: boolean;
  mayStop: boolean;
}

/** The client gets no more of the reply, and is to be disconnected: whoever only reads need not go on. */
export class ReplyOverflow extends Error {
  override name = 'ReplyOverflow';
}

/** Redis's own texts for what goes wrong everywhere. */
export const Errors = {
  syntax: 'ERR syntax error',
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
  notInteger: 'ERR value is not an integer or out of range',
  notFloat: 'ERR value is not a valid float',
  hashNotInteger: 'ERR hash value is not an integer',
  hashNotFloat: 'ERR hash value is not a float',
  overflow: 'ERR increment or decrement would overflow',
  notFinite: 'ERR increment would produce NaN or Infinity',
  noScript: 'NOSCRIPT No matching script. Please use EVAL.',
  noSuchKey: 'ERR no such key',
  outOfRange: 'ERR index out of range',
  notPositive: 'ERR value is out of range, must be positive',
  oom: "OOM command not allowed when used memory > 'maxmemory'.",
  databaseIndex: 'ERR DB index is out of range',
} as const;

export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** `name` is the full command name, for example 'set' or 'getex'. */
export function invalidExpire(name: string): string {
  return `ERR invalid expire time in '${name}' command`;
}
