/**
 * Starling speaks of users as Redis 7.4 does; the redis-server to compare with is 7.0.15. What the two say otherwise is
 * brought from the older to the newer here: texts of refusals, and the flag `sanitize-payload`, which 7.4 shows of all.
 */
import * as assert from 'uvu/assert';
import { decodeReply, ReplyError, type ReplyValue } from '../../../src/resp/decode.ts';
import type { BothServers, Request } from '../differential.ts';

const NEWER_TEXTS: readonly (readonly [older: RegExp, newer: string])[] = [
  [/NOPERM this user has no permissions to run/, 'NOPERM User bob has no permissions to run'],
  [
    /NOPERM this user has no permissions to access one of the keys used as arguments/,
    'NOPERM No permissions to access a key',
  ],
  [
    /NOPERM this user has no permissions to access one of the channels used as arguments/,
    'NOPERM No permissions to access a channel',
  ],
  [/^This user has no permissions/, 'User bob has no permissions'],
  [/^(user \S+ (?:on|off)(?: nopass)?) (?!skip-)/, '$1 sanitize-payload '],
];

/** Runs requests on both, as or about the user `bob`: every answer must be the same but for what 7.4 words otherwise. */
export async function compareAsNewer(both: BothServers, requests: readonly Request[]): Promise<void> {
  for (const { request, redis, starling } of await both.answers(requests)) {
    assert.equal(plain(decoded(starling)), plain(newer(decoded(redis))), String(request));
  }
}

function decoded(bytes: Buffer): ReplyValue {
  const reply = decodeReply(bytes);
  if (reply === null) throw new Error('half a reply');
  return reply.value;
}

function newer(value: ReplyValue): ReplyValue {
  if (value instanceof ReplyError) return new ReplyError(newerText(value.message));
  if (typeof value === 'string') return newerText(value);
  if (!Array.isArray(value)) return value;
  const items = value.map(newer);
  return items.map((item, at) => (at > 0 && items[at - 1] === 'flags' ? withSanitizing(item) : item));
}

function newerText(text: string): string {
  for (const [older, replacement] of NEWER_TEXTS) if (older.test(text)) return text.replace(older, replacement);
  return text;
}

function withSanitizing(flags: ReplyValue): ReplyValue {
  if (!Array.isArray(flags) || flags.includes('skip-sanitize-payload') || flags.includes('sanitize-payload'))
    return flags;
  return [...flags, 'sanitize-payload'];
}

/** Errors told from strings, so that they can be compared. */
function plain(value: ReplyValue): unknown {
  if (value instanceof ReplyError) return { error: value.message };
  return Array.isArray(value) ? value.map(plain) : value;
}
