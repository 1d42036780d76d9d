/**
 * Commands about the node as a whole: its clock, its role, writing its state out, stopping it. SLOWLOG, LATENCY,
 * MEMORY, ACL and WAIT have files of their own and join here.
 */
import { aclCommand } from './acl/commands.ts';
import { answerHelp } from './help-reply.ts';
import { latencyCommand } from './latency.ts';
import { memoryCommand } from './memory.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import { monitorCommand } from './monitors.ts';
import { Errors, type Reply } from './reply.ts';
import { slowLogCommand } from './slow-log-commands.ts';
import type { Call, Command } from './table.ts';
import { REDIS_VERSION } from './version.ts';
import { waitingCommands } from './waiting.ts';

/** A monotonic clock that agrees with the wall clock within this gives its microseconds. */
const CLOCK_AGREEMENT_MS = 1000;
const NO_MASTER =
  'ERR Starling has no master to follow: every node takes writes. Use MESH JOIN to bring nodes together';
const NO_REPLICAS =
  'ERR Starling sends no replication stream and no RDB file: for a copy of everything start a node of its mesh with ' +
  '--bootstrap, for single keys use DUMP or MIGRATE, for libraries FUNCTION DUMP';

const STARLING = [
  '        .___.',
  '     __/ o   \\',
  '    <__      |        one flock,',
  '       \\  . . \\         no leader,',
  '        | . .  \\__        each follows its neighbours',
  '         \\ . .    `--.',
  "          `--.______.--'\\",
  '             |  |        `',
  '            _|_ |_',
];

export const serverCommands: readonly Command[] = [
  redisEntry('time', runTime),
  redisEntry('role', runRole),
  redisEntry('lolwut', ({ reply, services }) => {
    reply.verbatim(
      `${STARLING.join('\n')}\n\nStarling ver. ${services.node.version}, speaking as Redis ver. ${REDIS_VERSION}\n`,
    );
  }),
  redisEntry('lastsave', ({ reply, services }) => reply.integer(lastSaveSeconds(services))),
  redisEntry('save', runSave),
  redisEntry('bgsave', runBackgroundSave),
  redisEntry('bgrewriteaof', (call) => startSaving(call, 'Background append only file rewriting started')),
  redisEntry('shutdown', runShutdown),
  redisEntry('replicaof', runReplicaOf),
  redisEntry('slaveof', runReplicaOf),
  redisEntry('failover', ({ reply }) => reply.error(NO_MASTER)),
  // what a replica of Redis says, and tools that pose as one, such as redis-cli --rdb
  ...['psync', 'replconf', 'sync'].map((name) => redisEntry(name, ({ reply }) => reply.error(NO_REPLICAS))),
  redisContainer('module', [
    redisEntry('module|help', ({ reply }) =>
      answerHelp(reply, 'MODULE', ['LIST', '    The modules that are loaded: there are none.']),
    ),
    redisEntry('module|list', ({ reply }) => reply.array(0)),
    ...['load', 'loadex', 'unload'].map((word) =>
      redisEntry(`module|${word}`, ({ reply }) => reply.error('ERR Starling loads no modules')),
    ),
  ]),
  ...waitingCommands,
  aclCommand,
  latencyCommand,
  memoryCommand,
  monitorCommand,
  slowLogCommand,
];

function runTime({ engine, reply }: Call): void {
  const precise = performance.timeOrigin + performance.now();
  const now = Math.abs(precise - engine.now) < CLOCK_AGREEMENT_MS ? precise : engine.now;
  const micros = Math.floor(now * 1000);
  reply.array(2);
  reply.bulkText(String(Math.floor(micros / 1e6)));
  reply.bulkText(String(micros % 1e6));
}

/** Txns that this node holds, of all replicas: it grows with every write, as Redis's replication offset does. */
export function replicationOffset({ engine }: Call): number {
  return engine.vector().reduce((sum, { number }) => sum + number, 0);
}

function runRole(call: Call): void {
  const { reply } = call;
  reply.array(3);
  reply.bulkText('master');
  reply.integer(replicationOffset(call));
  reply.array(0);
}

/** As Redis: a server that never saved did so when it started. */
export function lastSaveSeconds({ store, statistics }: Call['services']): number {
  return Math.floor((store.lastSaveMs || statistics.startedAtMs) / 1000);
}

/** SAVE answers when the state is on disk; the node goes on meanwhile. */
function runSave({ client, services }: Call): void {
  const blocked = client.block();
  services.store.save().then(
    () => blocked.resume((reply) => reply.ok()),
    (error: unknown) => blocked.resume((reply) => refuseSaving(reply, error)),
  );
}

function refuseSaving(reply: Reply, error: unknown): void {
  reply.error(`ERR ${error instanceof Error ? error.message : String(error)}`);
}

function runBackgroundSave(call: Call): void {
  const { args, argc, reply } = call;
  if (argc > 2 || (argc === 2 && !args[1].isWord('schedule'))) reply.error(Errors.syntax);
  else startSaving(call, 'Background saving started');
}

function startSaving({ reply, services }: Call, status: string): void {
  const { failure } = services.store;
  if (failure !== null) {
    refuseSaving(reply, failure);
    return;
  }
  // a failure from here on shows in INFO persistence, and writes are refused: there is nobody left to tell it to
  services.store.save().catch(() => undefined);
  reply.status(status);
}

function runShutdown({ args, argc, client, reply, services }: Call): void {
  const given = new Set<string>();
  for (let i = 1; i < argc; i++) given.add(args[i].latin1().toLowerCase());
  const known = ['nosave', 'save', 'now', 'force', 'abort'];
  const contradicts = (given.has('abort') && given.size > 1) || (given.has('save') && given.has('nosave'));
  if (contradicts || [...given].some((word) => !known.includes(word))) {
    reply.error(Errors.syntax);
    return;
  }
  if (given.has('abort')) {
    if (services.node.abortShutdown()) reply.ok();
    else reply.error('ERR No shutdown in progress.');
    return;
  }
  const blocked = client.block();
  const options = { save: !given.has('nosave'), now: given.has('now'), force: given.has('force') };
  services.node.shutdown(options, (reason) => blocked.resume((late) => late.error(`ERR ${reason}`)));
}

/** NO ONE is what every node does already. */
function runReplicaOf({ args, reply }: Call): void {
  if (args[1].isWord('no') && args[2].isWord('one')) reply.ok();
  else reply.error(NO_MASTER);
}
