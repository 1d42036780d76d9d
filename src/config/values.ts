/** From the text of a setting to its canonical text, or to the reason why not, in Redis's words. */
import type { Directive } from './directives.ts';

const UNITS: Record<string, number> = { '': 1, b: 1, k: 1000, kb: 1024, m: 1e6, mb: 1048576, g: 1e9, gb: 1073741824 };
const LOG_LEVELS: Record<string, string> = {
  info: 'notice',
  warn: 'warning',
  error: 'warning',
  trace: 'debug',
  silent: 'nothing',
};

export type Checked = { ok: true; value: string } | { ok: false; reason: string };

export function checkValue(directive: Directive, given: string): Checked {
  const { type } = directive;
  switch (type.kind) {
    case 'integer':
      return checkNumber(Number(/^-?\d+$/.test(given) ? given : Number.NaN), type);
    case 'bytes':
      return checkNumber(parseBytes(given), type, 'argument must be a memory value');
    case 'boolean':
      return /^(yes|no)$/i.test(given)
        ? { ok: true, value: given.toLowerCase() }
        : { ok: false, reason: "argument must be 'yes' or 'no'" };
    case 'enum': {
      const word =
        directive.name === 'loglevel' ? (LOG_LEVELS[given.toLowerCase()] ?? given.toLowerCase()) : given.toLowerCase();
      if (type.words.includes(word)) return { ok: true, value: word };
      return { ok: false, reason: `argument(s) must be one of the following: ${type.words.join(', ')}` };
    }
    case 'text':
      return { ok: true, value: given };
    case 'list':
      return {
        ok: true,
        value: given
          .split(/[\s,]+/)
          .filter((word) => word !== '')
          .join(' '),
      };
  }
}

function checkNumber(
  value: number,
  { min, max }: { min: number; max: number },
  malformed = "argument couldn't be parsed into an integer",
): Checked {
  if (!Number.isFinite(value)) return { ok: false, reason: malformed };
  if (value < min || value > max) return { ok: false, reason: `argument must be between ${min} and ${max} inclusive` };
  return { ok: true, value: String(value) };
}

/** '64mb', '1g', '1024' as a number of bytes; NaN if it is none. */
export function parseBytes(text: string): number {
  const match = /^(\d+)([a-z]*)$/i.exec(text);
  const unit = match === null ? undefined : UNITS[match[2].toLowerCase()];
  return match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
}
