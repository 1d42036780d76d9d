/** From the text of a setting to its canonical text, or to the reason why not, in Redis's words. */
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { formatEventFlags, parseEventFlags } from '../commands/changes/event-flags.ts';
import type { Directive, DirectiveType } from './directive.ts';
import { splitLine } from './lines.ts';

const UNITS: Record<string, number> = { '': 1, b: 1, k: 1000, kb: 1024, m: 1e6, mb: 1048576, g: 1e9, gb: 1073741824 };
const LOG_LEVELS: Record<string, string> = {
  info: 'notice',
  warn: 'warning',
  error: 'warning',
  trace: 'debug',
  silent: 'nothing',
};
const BUFFER_CLASSES: Record<string, string> = {
  normal: 'normal',
  slave: 'slave',
  replica: 'slave',
  pubsub: 'pubsub',
};

export type Checked = { ok: true; value: string } | { ok: false; reason: string };

/** `current` is the value so far: some directives change only what of them is named. */
export function checkValue(directive: Directive, given: string, current: string): Checked {
  const { type } = directive;
  switch (type.kind) {
    case 'integer':
      return checkNumber(Number(/^(0|-?[1-9]\d*)$/.test(given) ? given : Number.NaN), type);
    case 'bytes':
      return checkBytes(given, type);
    case 'boolean':
      return /^(yes|no)$/i.test(given) ? good(given.toLowerCase()) : bad("argument must be 'yes' or 'no'");
    case 'enum': {
      const lower = given.toLowerCase();
      const word = directive.name === 'loglevel' ? (LOG_LEVELS[lower] ?? lower) : lower;
      if (type.words.includes(word)) return good(word);
      return bad(`argument(s) must be one of the following: ${type.words.join(', ')}`);
    }
    case 'fixed':
      return given.toLowerCase() === type.value ? good(type.value) : bad(type.reason);
    case 'text':
      return good(given);
    case 'octal':
      return /^[0-7]{1,4}$/.test(given) ? good(given) : bad("argument couldn't be parsed into an octal");
    case 'list':
      return checkList(given, type.of);
    case 'users':
      return checkUser(given, current);
    case 'save':
      return checkSave(given);
    case 'percentiles':
      return checkPercentiles(given);
    case 'keyspaceEvents': {
      const flags = parseEventFlags(given);
      if (flags === undefined) return bad("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
      return good(formatEventFlags(flags));
    }
    case 'bufferLimits':
      return checkBufferLimits(given, current);
  }
}

/** True for directives that one source may name several times, each adding to the one before. */
export function accumulates({ type }: Directive): boolean {
  return type.kind === 'list' || type.kind === 'save';
}

/** '64mb', '1g', '1024' as a number of bytes; NaN if it is none. */
export function parseBytes(text: string): number {
  const match = /^(\d+)([a-z]*)$/i.exec(text);
  const unit = match === null ? undefined : UNITS[match[2].toLowerCase()];
  return match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
}

function good(value: string): Checked {
  return { ok: true, value };
}

function bad(reason: string): Checked {
  return { ok: false, reason };
}

function checkNumber(
  value: number,
  { min, max }: { min: number; max: number },
  malformed = "argument couldn't be parsed into an integer",
): Checked {
  if (!Number.isFinite(value)) return bad(malformed);
  if (value < min || value > max) return bad(`argument must be between ${min} and ${max} inclusive`);
  return good(String(value));
}

function checkBytes(given: string, type: Extract<DirectiveType, { kind: 'bytes' }>): Checked {
  if (type.percent !== true) return checkNumber(parseBytes(given), type, 'argument must be a memory value');
  const malformed = 'argument must be a memory or percent value';
  if (!given.endsWith('%')) return checkNumber(parseBytes(given), type, malformed);
  const digits = given.slice(0, -1);
  if (!/^(0|[1-9]\d*)$/.test(digits)) return bad(malformed);
  return Number(digits) > 100 ? bad('percentage argument must be less or equal to 100') : good(given);
}

function wordsOf(given: string): string[] {
  return given.split(/[\s,]+/).filter((word) => word !== '');
}

function checkList(given: string, of: 'words' | 'multiaddrs'): Checked {
  const words = wordsOf(given);
  if (of === 'multiaddrs') {
    for (const word of words) {
      const reason = multiaddrFault(word);
      if (reason !== null) return bad(`'${word}' is not a multiaddr such as /ip4/192.0.2.7/tcp/4001 (${reason})`);
    }
  }
  return good(words.join(' '));
}

function multiaddrFault(address: string): string | null {
  try {
    const parts = multiaddr(address).getComponents();
    for (const { name, value } of parts) if (name === 'p2p') peerIdFromString(value ?? '');
    return parts.some(({ name }) => name === 'tcp') ? null : 'it has no /tcp/ part';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The lines of several users follow one another. */
function checkUser(given: string, current: string): Checked {
  const words = given.includes('\n') ? null : splitLine(given);
  if (words === null) return bad('unbalanced quotes');
  if (words.length === 0) return bad('a user needs a name');
  return good(current === '' ? given : `${current}\n${given}`);
}

function checkSave(given: string): Checked {
  const words = wordsOf(given);
  const numbers = words.map(Number);
  const fits = numbers.every((each, at) => Number.isSafeInteger(each) && each >= (at % 2 === 0 ? 1 : 0));
  return words.length % 2 === 0 && fits ? good(words.join(' ')) : bad('Invalid save parameters');
}

function checkPercentiles(given: string): Checked {
  const numbers = wordsOf(given).map(Number);
  if (numbers.some(Number.isNaN)) return bad('Invalid latency-tracking-info-percentiles parameters');
  if (numbers.every((each) => each >= 0 && each <= 100)) return good(numbers.join(' '));
  return bad('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]');
}

function checkBufferLimits(given: string, current: string): Checked {
  const words = wordsOf(given);
  if (words.length === 0 || words.length % 4 !== 0)
    return bad('Wrong number of arguments in buffer limit configuration.');
  const limits = limitsByClass(wordsOf(current));
  for (let at = 0; at < words.length; at += 4) {
    const name = BUFFER_CLASSES[words[at].toLowerCase()];
    if (name === undefined) return bad('Invalid client class specified in buffer limit configuration.');
    const numbers = [parseBytes(words[at + 1]), parseBytes(words[at + 2]), Number(words[at + 3])];
    if (!numbers.every((each) => Number.isSafeInteger(each) && each >= 0))
      return bad('Error in hard, soft or soft_seconds setting in buffer limit configuration.');
    limits.set(name, numbers.join(' '));
  }
  return good([...limits].map(([name, numbers]) => `${name} ${numbers}`).join(' '));
}

function limitsByClass(words: readonly string[]): Map<string, string> {
  const limits = new Map<string, string>();
  for (let at = 0; at < words.length; at += 4) limits.set(words[at], words.slice(at + 1, at + 4).join(' '));
  return limits;
}
