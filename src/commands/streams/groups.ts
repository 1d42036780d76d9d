/**
 * XGROUP: groups of consumers and where they are. A group that is removed on one node while it is used on another stays, as
 * it is there; consumers likewise.
 */
import type { StreamId } from '../../core/contract.ts';
import { answerHelp } from '../help-reply.ts';
import { redisContainer, redisEntry } from '../metadata/entry.ts';
import type { Call, Command } from '../table.ts';
import { countArgument, noSuchGroup, streamAt } from './access.ts';
import { endOrIdArgument, idArgument } from './ids.ts';

const HELP = [
  'CREATE <key> <groupname> <id|$> [option]',
  '    A new group, which gets what is behind the id. Options are:',
  '    * MKSTREAM',
  '      Makes an empty stream where there is none.',
  '    * ENTRIESREAD entries_read',
  '      How many entries the group has read.',
  'CREATECONSUMER <key> <groupname> <consumer>',
  '    A new consumer in the group.',
  'DELCONSUMER <key> <groupname> <consumer>',
  '    Removes the consumer, with what is pending for it.',
  'DESTROY <key> <groupname>',
  '    Removes the group.',
  'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
  '    From now on the group gets what is behind the id.',
];

const NO_STREAM =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to ' +
  'create an empty stream automatically.';

interface GroupOptions {
  readonly makesStream: boolean;
  /** Null: not known. */
  readonly entriesRead: number | null;
}

/** Undefined after an error. */
function groupOptions(call: Call): GroupOptions | undefined {
  const { args, argc, command, reply } = call;
  let makesStream = false;
  let entriesRead: number | null = null;
  for (let at = 5; at < argc; at++) {
    if (command.name === 'xgroup|create' && args[at].isWord('mkstream')) makesStream = true;
    else if (args[at].isWord('entriesread') && at + 1 < argc) {
      const given = countArgument(call, ++at);
      if (given === undefined) return undefined;
      if (given < -1) {
        reply.error('ERR value for ENTRIESREAD must be positive or -1');
        return undefined;
      }
      entriesRead = given === -1 ? null : given;
    } else {
      syntaxError(call);
      return undefined;
    }
  }
  return { makesStream, entriesRead };
}

function syntaxError({ args, reply }: Call): void {
  reply.error(`ERR unknown subcommand or wrong number of arguments for '${args[1].latin1()}'. Try XGROUP HELP.`);
}

/** False after an error. */
function isStreamThere(call: Call): boolean {
  const found = streamAt(call, 2);
  if (found === false) call.reply.error(NO_STREAM);
  return found === true;
}

function isGroupThere(call: Call): boolean {
  const { args, db, reply } = call;
  if (!isStreamThere(call)) return false;
  if (db.streams.hasGroup(args[2], args[3])) return true;
  reply.error(noSuchGroup(args[2], args[3]));
  return false;
}

function runCreate(call: Call): void {
  const { args, argc, db, reply } = call;
  const options = groupOptions(call);
  if (options === undefined) return;
  const { makesStream, entriesRead } = options;
  if (makesStream ? streamAt(call, 2) === undefined : !isStreamThere(call)) return;
  if (argc > 8) {
    syntaxError(call);
    return;
  }
  const id = isLast(call) ? db.streams.lastId(args[2]) : idArgument(call, 4);
  if (id === undefined) return;
  if (db.streams.hasGroup(args[2], args[3])) {
    reply.error('BUSYGROUP Consumer Group name already exists');
    return;
  }
  db.streams.create(args[2]);
  db.streams.createGroup(args[2], args[3], id, entriesRead);
  reply.ok();
}

function isLast({ args }: Call): boolean {
  return args[4].latin1() === '$';
}

function runSetid(call: Call): void {
  const { args, argc, db, reply } = call;
  const options = groupOptions(call);
  if (options === undefined || !isGroupThere(call)) return;
  if (argc > 7) {
    syntaxError(call);
    return;
  }
  const id: StreamId | undefined = isLast(call) ? db.streams.lastId(args[2]) : endOrIdArgument(call, 4, 'least');
  if (id === undefined) return;
  db.streams.setGroupId(args[2], args[3], id, options.entriesRead);
  reply.ok();
}

function runDestroy(call: Call): void {
  const { args, db, reply } = call;
  if (isStreamThere(call)) reply.flag(db.streams.destroyGroup(args[2], args[3]));
}

function runCreateConsumer(call: Call): void {
  const { args, db, reply } = call;
  if (isGroupThere(call)) reply.flag(db.streams.createConsumer(args[2], args[3], args[4]));
}

function runDeleteConsumer(call: Call): void {
  const { args, db, reply } = call;
  if (isGroupThere(call)) reply.integer(db.streams.deleteConsumer(args[2], args[3], args[4]));
}

export const groupCommands: readonly Command[] = [
  redisContainer('xgroup', [
    redisEntry('xgroup|create', runCreate),
    redisEntry('xgroup|createconsumer', runCreateConsumer),
    redisEntry('xgroup|delconsumer', runDeleteConsumer),
    redisEntry('xgroup|destroy', runDestroy),
    redisEntry('xgroup|help', ({ reply }) => answerHelp(reply, 'XGROUP', HELP)),
    redisEntry('xgroup|setid', runSetid),
  ]),
];
