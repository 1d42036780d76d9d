/**
 * XINFO: a stream, its groups and their consumers, with the fields of Redis 7.4. What it tells of Redis's tree is how many
 * nodes that would have, each as full as `stream-node-max-entries` lets it be.
 */
import type { GroupStatus, PendingEntry, StreamId, StreamStatus } from '../../core/contract.ts';
import { STREAM_ID_MAX, STREAM_ID_MIN } from '../../core/index.ts';
import { Slice } from '../../core/slice.ts';
import { numberArgument } from '../arguments.ts';
import { answerHelp } from '../help-reply.ts';
import { redisContainer, redisEntry } from '../metadata/entry.ts';
import { Errors, type Reply } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { copyRange, noSuchGroup, readStream, WHOLE_STREAM, writeCopy, writeId, writeRange } from './access.ts';
import { nodeEntries } from './trimming.ts';

const FULL_COUNT_DEFAULT = 10;

const HELP = [
  'CONSUMERS <key> <groupname>',
  '    The consumers of the group.',
  'GROUPS <key>',
  '    The groups of the stream.',
  'STREAM <key> [FULL [COUNT <count>]]',
  '    The stream; FULL: with its entries, its groups and what is pending.',
];

function runGroups(call: Call): void {
  const { args, db, reply } = call;
  if (!isThere(call)) return;
  const groups = db.streams.groups(args[2]);
  reply.array(groups.length);
  for (const group of groups) {
    reply.map(6);
    writeName(reply, group.name);
    writeNumber(reply, 'consumers', group.consumers);
    writeNumber(reply, 'pending', group.pending);
    writeProgress(reply, group);
  }
}

/** False after an error. */
function isThere(call: Call): boolean {
  const found = readStream(call, 2);
  if (found === false) call.reply.error(Errors.noSuchKey);
  return found === true;
}

function writeName(reply: Reply, name: Buffer): void {
  reply.bulkText('name');
  reply.bulkBytes(name);
}

function writeNumber(reply: Reply, name: string, value: number | null): void {
  reply.bulkText(name);
  if (value === null) reply.nil();
  else reply.integer(value);
}

function writeNamedId(reply: Reply, name: string, id: StreamId): void {
  reply.bulkText(name);
  writeId(reply, id);
}

/** Three fields. */
function writeProgress(reply: Reply, { lastDeliveredId, entriesRead, lag }: GroupStatus): void {
  writeNamedId(reply, 'last-delivered-id', lastDeliveredId);
  writeNumber(reply, 'entries-read', entriesRead);
  writeNumber(reply, 'lag', lag);
}

function runConsumers(call: Call): void {
  const { args, db, engine, reply } = call;
  if (!isThere(call)) return;
  if (!db.streams.hasGroup(args[2], args[3])) {
    reply.error(noSuchGroup(args[2], args[3]));
    return;
  }
  const consumers = db.streams.consumers(args[2], args[3]);
  reply.array(consumers.length);
  for (const { name, pending, seenMs, activeMs } of consumers) {
    reply.map(4);
    writeName(reply, name);
    writeNumber(reply, 'pending', pending);
    writeNumber(reply, 'idle', Math.max(engine.now - seenMs, 0));
    writeNumber(reply, 'inactive', activeMs < 0 ? -1 : Math.max(engine.now - activeMs, 0));
  }
}

function runStream(call: Call): void {
  const { args, db, reply } = call;
  if (!isThere(call)) return;
  const full = fullOptions(call);
  const status = full === undefined ? null : db.streams.status(args[2]);
  if (full === undefined || status === null) return;
  reply.map(full === null ? 10 : 9);
  writeStatus(call, status);
  if (full === null) {
    writeNumber(reply, 'groups', status.groups);
    writeEnd(call, 'first-entry', 1);
    writeEnd(call, 'last-entry', -1);
    return;
  }
  reply.bulkText('entries');
  writeRange(reply, db, args[2], { ...WHOLE_STREAM, count: full.count });
  reply.bulkText('groups');
  const groups = db.streams.groups(args[2]);
  reply.array(groups.length);
  for (const group of groups) writeGroup(call, group, full.count);
}

/** Null without FULL, undefined after an error. */
function fullOptions(call: Call): { readonly count: number } | null | undefined {
  const { args, argc, reply } = call;
  if (argc === 3) return null;
  const isSound = (argc === 4 || (argc === 6 && args[4].isWord('count'))) && args[3].isWord('full');
  if (!isSound) {
    reply.error(`ERR unknown subcommand or wrong number of arguments for '${args[1].latin1()}'. Try XINFO HELP.`);
    return undefined;
  }
  const given = argc === 4 ? FULL_COUNT_DEFAULT : numberArgument(call, 5);
  if (given === undefined) return undefined;
  const count = given < 0 ? FULL_COUNT_DEFAULT : given;
  return { count: count === 0 ? Number.POSITIVE_INFINITY : count };
}

/** Seven fields. */
function writeStatus({ reply, services }: Call, status: StreamStatus): void {
  const nodes = Math.ceil(status.length / Math.min(nodeEntries(services.config), Math.max(status.length, 1)));
  writeNumber(reply, 'length', status.length);
  writeNumber(reply, 'radix-tree-keys', nodes);
  writeNumber(reply, 'radix-tree-nodes', nodes + 1);
  writeNamedId(reply, 'last-generated-id', status.lastId);
  writeNamedId(reply, 'max-deleted-entry-id', status.maxDeletedId);
  writeNumber(reply, 'entries-added', status.entriesAdded);
  writeNamedId(reply, 'recorded-first-entry-id', status.firstId);
}

function writeEnd({ args, db, reply }: Call, name: string, step: 1 | -1): void {
  reply.bulkText(name);
  const [entry] = copyRange(db, args[2], { ...WHOLE_STREAM, step, count: 1 });
  if (entry === undefined) reply.nil();
  else writeCopy(reply, entry);
}

function writeGroup(call: Call, group: GroupStatus, count: number): void {
  const { args, db, reply } = call;
  const name = new Slice(group.name);
  reply.map(7);
  writeName(reply, group.name);
  writeProgress(reply, group);
  writeNumber(reply, 'pel-count', group.pending);
  writePending(call, name, null, Math.min(count, group.pending));
  const consumers = db.streams.consumers(args[2], name);
  reply.bulkText('consumers');
  reply.array(consumers.length);
  for (const consumer of consumers) {
    reply.map(5);
    writeName(reply, consumer.name);
    writeNumber(reply, 'seen-time', consumer.seenMs);
    writeNumber(reply, 'active-time', consumer.activeMs);
    writeNumber(reply, 'pel-count', consumer.pending);
    writePending(call, name, new Slice(consumer.name), Math.min(count, consumer.pending));
  }
}

/** So many of what is pending for the group, with the consumer of each; or for one consumer. */
function writePending({ args, db, reply }: Call, group: Slice, consumer: Slice | null, count: number): void {
  reply.bulkText('pending');
  reply.array(count);
  if (count === 0) return;
  let left = count;
  db.streams.forEachPending(args[2], group, consumer, STREAM_ID_MIN, STREAM_ID_MAX, (pending: PendingEntry) => {
    reply.array(consumer === null ? 4 : 3);
    writeId(reply, pending.id);
    if (consumer === null) reply.bulkBytes(pending.consumer);
    reply.integer(pending.deliveredMs);
    reply.integer(pending.deliveries);
    return --left > 0;
  });
}

export const streamInformationCommands: readonly Command[] = [
  redisContainer('xinfo', [
    redisEntry('xinfo|consumers', runConsumers),
    redisEntry('xinfo|groups', runGroups),
    redisEntry('xinfo|help', ({ reply }) => answerHelp(reply, 'XINFO', HELP)),
    redisEntry('xinfo|stream', runStream),
  ]),
];
