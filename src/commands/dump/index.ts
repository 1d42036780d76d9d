/**
 * DUMP and RESTORE: a value as Redis's own bytes (payload.ts), for tools that move keys between servers. A restored value
 * is written as any other is, one txn, and goes to all nodes. What does not fit together to the last byte is refused, and
 * then nothing has changed.
 */
import { KeyType, NO_DEADLINE } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { integerArgument, numberArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import { showWhole } from '../string-value.ts';
import type { Call, Command } from '../table.ts';
import { PayloadError } from './packed.ts';
import { decodePayload, encodePayload, type Field, isIntact, type ScoredMember, type Value } from './payload.ts';
import { streamValueOf, writeStream } from './stream-contents.ts';

function runDump(call: Call): void {
  const { args, reply } = call;
  const payload = dumpOf(call, args[1]);
  const { statistics } = call.services;
  if (payload === null) {
    statistics.keyspaceMisses++;
    reply.nil();
  } else {
    statistics.keyspaceHits++;
    reply.bulkBytes(payload);
  }
}

/** What DUMP gives; null if there is no such key. */
export function dumpOf(call: Call, key: Slice): Buffer | null {
  const value = visibleValue(call, key);
  return value === null ? null : encodePayload(value);
}

function visibleValue(call: Call, key: Slice): Value | null {
  const { db } = call;
  switch (db.typeOf(key)) {
    case KeyType.string: {
      const out = new Slice();
      db.strings.read(key, out);
      showWhole(call, key, out);
      return { type: 'string', value: out.copy() };
    }
    case KeyType.list: {
      const elements: Buffer[] = [];
      db.lists.range(key, 0, Number.POSITIVE_INFINITY, 1, (element) => {
        elements.push(element.copy());
      });
      return { type: 'list', elements };
    }
    case KeyType.set: {
      const members: Buffer[] = [];
      db.sets.forEach(key, (member) => members.push(member.copy()));
      return { type: 'set', members };
    }
    case KeyType.zset: {
      const members: ScoredMember[] = [];
      db.zsets.forEach(key, (member, score) => members.push({ member: member.copy(), score }));
      return { type: 'zset', members };
    }
    case KeyType.hash: {
      const fields: Field[] = [];
      db.hashes.forEach(key, (field, bytes) => {
        const name = field.copy();
        const endMs = db.hashes.deadlineOf(key, new Slice(name));
        fields.push({ name, value: bytes.copy(), endMs: endMs < 0 ? null : endMs });
      });
      return { type: 'hash', fields };
    }
    case KeyType.stream:
      return { type: 'stream', stream: streamValueOf(db, key) };
    default:
      return null;
  }
}

interface RestoreOptions {
  readonly replace: boolean;
  /** The time to live is a moment, not a duration. */
  readonly absolute: boolean;
  /** How long ago, or how often, the key was used where it comes from. */
  readonly use: { idleSeconds: number } | { count: number } | null;
}

function runRestore(call: Call): void {
  const { args, db, reply } = call;
  const options = parseRestore(call);
  if (options === undefined) return;
  if (!options.replace && db.typeOf(args[1]) !== KeyType.none) {
    reply.error('BUSYKEY Target key name already exists.');
    return;
  }
  const deadline = restoredDeadline(call, options.absolute);
  if (deadline === undefined) return;
  const payload = args[3].view();
  if (!isIntact(payload)) {
    reply.error('ERR DUMP payload version or checksum are wrong');
    return;
  }
  let value: Value;
  try {
    value = decodePayload(payload);
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    reply.error('ERR Bad data format');
    return;
  }
  restore(call, value, deadline);
  if (options.use !== null) db.setUse(args[1], options.use);
  reply.ok();
}

function restore({ args, db, engine }: Call, value: Value, deadline: number): void {
  const [, key] = args;
  db.remove(key);
  // its time is over already
  if (deadline !== NO_DEADLINE && deadline <= engine.now) return;
  const name = new Slice();
  const bytes = new Slice();
  const over = (slice: Slice, buffer: Buffer) => slice.set(buffer, 0, buffer.length);
  if (value.type === 'string') db.strings.write(key, over(bytes, value.value), NO_DEADLINE);
  else if (value.type === 'set') for (const member of value.members) db.sets.add(key, over(name, member));
  else if (value.type === 'list') for (const each of value.elements) db.lists.push(key, 'tail', over(bytes, each));
  else if (value.type === 'zset') {
    for (const { member, score } of value.members) db.zsets.assign(key, over(name, member), score);
  } else if (value.type === 'stream') writeStream(db, key, value.stream);
  else {
    for (const { name: field, value: text, endMs } of value.fields) {
      if (endMs !== null && endMs <= engine.now) continue;
      db.hashes.set(key, over(name, field), over(bytes, text), endMs ?? NO_DEADLINE);
    }
  }
  if (deadline !== NO_DEADLINE && db.typeOf(key) !== KeyType.none) db.expireAt(key, deadline);
}

/** Undefined after an error. */
function parseRestore(call: Call): RestoreOptions | undefined {
  const { args, argc, reply } = call;
  let replace = false;
  let absolute = false;
  let use: RestoreOptions['use'] = null;
  for (let i = 4; i < argc; i++) {
    if (args[i].isWord('replace')) replace = true;
    else if (args[i].isWord('absttl')) absolute = true;
    else if ((args[i].isWord('idletime') || args[i].isWord('freq')) && i + 1 < argc) {
      const isFrequency = args[i].isWord('freq');
      const given = numberArgument(call, ++i);
      if (given === undefined) return undefined;
      if (given < 0 || (isFrequency && given > 255)) {
        reply.error(
          `ERR Invalid ${isFrequency ? 'FREQ value, must be >= 0 and <= 255' : 'IDLETIME value, must be >= 0'}`,
        );
        return undefined;
      }
      use = isFrequency ? { count: given } : { idleSeconds: given };
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  return { replace, absolute, use };
}

/** UNIX ms, or NO_DEADLINE; undefined after an error. */
function restoredDeadline(call: Call, absolute: boolean): number | undefined {
  const ttl = integerArgument(call, 2);
  if (ttl === undefined) return undefined;
  if (ttl < 0) {
    call.reply.error('ERR Invalid TTL value, must be >= 0');
    return undefined;
  }
  const ms = Number(ttl);
  if (ms === 0) return NO_DEADLINE;
  return absolute ? ms : call.engine.now + ms;
}

export const dumpCommands: readonly Command[] = [
  redisEntry('dump', runDump),
  redisEntry('restore', runRestore),
  redisEntry('restore-asking', runRestore),
];
