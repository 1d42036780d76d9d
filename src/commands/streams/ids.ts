/**
 * Ids of stream entries as clients write them: `ms-seq`, or `ms` alone, whose missing half the command knows; `-` and `+`
 * for the ends; `(` before a bound that is left out itself. A function that answers undefined has written the error.
 */
import type { Integer, StreamId } from '../../core/contract.ts';
import { STREAM_ID_MAX, STREAM_ID_MIN, streamIdAfter, streamIdBefore } from '../../core/index.ts';
import { narrow } from '../../core/integer.ts';
import type { Slice } from '../../core/slice.ts';
import type { Reply } from '../reply.ts';
import type { Call } from '../table.ts';

const INVALID = 'ERR Invalid stream ID specified as stream command argument';
/** As in Redis: whatever is longer is no id. */
const ID_BYTES_MAX = 127;
const HALF_MAX = STREAM_ID_MAX.seq;
const EXACT_DIGITS_MAX = 15;

/** The half that is missing where only milliseconds are given. */
export type MissingSequence = 'least' | 'greatest';

/** What XADD is asked for. */
export type WantedId =
  | { readonly kind: 'given'; readonly id: StreamId }
  /** `ms-*` */
  | { readonly kind: 'next within'; readonly ms: Integer }
  /** `*` */
  | { readonly kind: 'generated' };

/** A half of an id: strtoull's forms, as far as they are not negative. */
function parseHalf(text: string): Integer | undefined {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const digits = /^[ \t-\r]*\+?0*(\d+)$/.exec(text)?.[1];
  if (digits === undefined || digits.length > 20) return undefined;
  if (digits.length <= EXACT_DIGITS_MAX) return Number(digits);
  const value = BigInt(digits);
  return value <= HALF_MAX ? narrow(value) : undefined;
}

function parseText(text: string, missing: MissingSequence): StreamId | undefined {
  if (text.length > ID_BYTES_MAX) return undefined;
  const dash = text.indexOf('-');
  const ms = parseHalf(dash < 0 ? text : text.slice(0, dash));
  if (ms === undefined) return undefined;
  if (dash < 0) return { ms, seq: missing === 'least' ? 0 : HALF_MAX };
  const seq = parseHalf(text.slice(dash + 1));
  return seq === undefined ? undefined : { ms, seq };
}

/** Undefined without an answer. */
export function parseStreamId(slice: Slice, missing: MissingSequence = 'least'): StreamId | undefined {
  return parseText(slice.latin1(), missing);
}

/** An id that names one entry. */
export function idArgument({ args, reply }: Call, index: number): StreamId | undefined {
  const id = parseStreamId(args[index]);
  if (id === undefined) reply.error(INVALID);
  return id;
}

/** The ids in arguments first … last: all of them are read before anything is done. */
export function idArguments(call: Call, first: number, last: number): StreamId[] | undefined {
  const ids: StreamId[] = [];
  for (let i = first; i <= last; i++) {
    const id = idArgument(call, i);
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}

/** As idArgument(), and `-` and `+` for the least and the greatest id that there are. */
export function endOrIdArgument({ args, reply }: Call, index: number, missing: MissingSequence): StreamId | undefined {
  const text = args[index].latin1();
  if (text === '-') return STREAM_ID_MIN;
  if (text === '+') return STREAM_ID_MAX;
  const id = parseText(text, missing);
  if (id === undefined) reply.error(INVALID);
  return id;
}

/** Where a range begins; included, whatever was written. */
export function startArgument(call: Call, index: number): StreamId | undefined {
  const bound = boundArgument(call, index, 'least');
  if (bound === undefined || !bound.isLeftOut) return bound?.id;
  return within(call.reply, streamIdAfter(bound.id), 'start');
}

/** Where it ends, included. */
export function endArgument(call: Call, index: number): StreamId | undefined {
  const bound = boundArgument(call, index, 'greatest');
  if (bound === undefined || !bound.isLeftOut) return bound?.id;
  return within(call.reply, streamIdBefore(bound.id), 'end');
}

function within(reply: Reply, id: StreamId | null, which: string): StreamId | undefined {
  if (id !== null) return id;
  reply.error(`ERR invalid ${which} ID for the interval`);
  return undefined;
}

function boundArgument(
  call: Call,
  index: number,
  missing: MissingSequence,
): { readonly id: StreamId; readonly isLeftOut: boolean } | undefined {
  const text = call.args[index].latin1();
  const isLeftOut = text.length > 1 && text.startsWith('(');
  if (!isLeftOut) {
    const id = endOrIdArgument(call, index, missing);
    return id === undefined ? undefined : { id, isLeftOut };
  }
  const id = parseText(text.slice(1), missing);
  if (id !== undefined) return { id, isLeftOut };
  call.reply.error(INVALID);
  return undefined;
}

export function wantedIdArgument({ args, reply }: Call, index: number): WantedId | undefined {
  const text = args[index].latin1();
  if (text === '*') return { kind: 'generated' };
  if (text.endsWith('-*') && text.length <= ID_BYTES_MAX) {
    const ms = parseHalf(text.slice(0, -2));
    if (ms !== undefined) return { kind: 'next within', ms };
  } else {
    const id = parseText(text, 'least');
    if (id !== undefined) return { kind: 'given', id };
  }
  reply.error(INVALID);
  return undefined;
}

export function isStreamIdMin({ ms, seq }: StreamId): boolean {
  return ms === 0 && seq === 0;
}

export function streamIdText({ ms, seq }: StreamId): string {
  return `${ms}-${seq}`;
}
