/** MEMORY: what takes memory, by key and in all. */
import { numberArgument } from './arguments.ts';
import { answerHelp } from './help-reply.ts';
import { memoryUsage } from './memory-usage.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

const MIB = 1024 * 1024;
/** Below this much data ratios say nothing. */
const JUDGED_BYTES_MIN = 5 * MIB;
const SPARSE_ARENA_RATIO = 2;
const CLIENT_BYTES_MANY = 64 * MIB;

const HELP = [
  'DOCTOR',
  '    What is wrong with the memory of this node, if anything.',
  'MALLOC-STATS',
  '    Figures of the allocator; there are none here.',
  'PURGE',
  '    Gives memory back; the runtime does so by itself.',
  'STATS',
  '    What memory is used for.',
  'USAGE <key> [SAMPLES <count>]',
  '    Bytes that a key and its value take, with what the CRDTs keep about them.',
];

export const memoryCommand: Command = redisContainer('memory', [
  redisEntry('memory|doctor', runDoctor),
  redisEntry('memory|help', ({ reply }) => answerHelp(reply, 'MEMORY', HELP)),
  redisEntry('memory|malloc-stats', ({ reply }) => reply.bulkText('Stats not supported for the current allocator')),
  redisEntry('memory|purge', ({ reply }) => reply.ok()),
  redisEntry('memory|stats', runStats),
  redisEntry('memory|usage', runUsage),
]);

/** Nothing is sampled, a count of samples is only checked. */
function runUsage(call: Call): void {
  const { args, argc, db, reply } = call;
  for (let i = 3; i < argc; i += 2) {
    if (!args[i].isWord('samples') || i + 1 === argc) {
      reply.error(Errors.syntax);
      return;
    }
    const samples = numberArgument(call, i + 1);
    if (samples === undefined) return;
    if (samples < 0) {
      reply.error(Errors.syntax);
      return;
    }
  }
  const bytes = db.memoryOf(args[2]);
  if (bytes === 0) reply.nil();
  else reply.integer(bytes);
}

function runStats(call: Call): void {
  const { reply } = call;
  const usage = memoryUsage(call);
  const scripts = call.services.scripting.statistics();
  const fields: [name: string, value: number][] = [
    ['peak.allocated', usage.peak],
    ['total.allocated', usage.used],
    ['startup.allocated', 0],
    ['replication.backlog', usage.log],
    ['clients.slaves', 0],
    ['clients.normal', usage.clients],
    ['cluster.links', 0],
    ['aof.buffer', call.services.store.statistics().backlog_bytes ?? 0],
    ['lua.caches', scripts.scriptBytes],
    ['functions.caches', scripts.functionBytes],
    ['overhead.total', usage.used - usage.dataset],
    ['keys.count', usage.keys],
    ['keys.bytes-per-key', usage.keys === 0 ? 0 : Math.round(usage.dataset / usage.keys)],
    ['dataset.bytes', usage.dataset],
    ['allocator.allocated', usage.arenaUsed],
    ['allocator.active', usage.arena],
    ['heap.bytes', usage.heap],
    ['rss.bytes', usage.resident],
    ['fragmentation.bytes', usage.resident - usage.accounted],
  ];
  const ratios: [name: string, value: number][] = [
    ['dataset.percentage', (usage.dataset / Math.max(1, usage.used)) * 100],
    ['peak.percentage', (usage.used / Math.max(1, usage.peak)) * 100],
    ['fragmentation', usage.resident / usage.accounted],
  ];
  reply.map(fields.length + ratios.length);
  for (const [name, value] of fields) {
    reply.bulkText(name);
    reply.integer(value);
  }
  for (const [name, value] of ratios) {
    reply.bulkText(name);
    reply.double(value);
  }
}

function runDoctor(call: Call): void {
  const usage = memoryUsage(call);
  const findings: string[] = [];
  const limit = call.services.config.limits.maxMemoryBytes;
  if (limit > 0 && usage.dataset > limit) {
    const policy = call.services.config.get('maxmemory-policy');
    const consequence = policy === 'noeviction' ? 'writes are refused' : `keys are evicted (${policy})`;
    findings.push(`The data takes ${usage.dataset} bytes, more than maxmemory (${limit}): ${consequence}.`);
  }
  if (usage.arena > JUDGED_BYTES_MIN && usage.arena > usage.arenaUsed * SPARSE_ARENA_RATIO) {
    findings.push(
      `Of ${usage.arena} bytes that are laid out for data, ${usage.arenaUsed} are used: much was removed. New data will fill them.`,
    );
  }
  if (usage.clients > CLIENT_BYTES_MANY) {
    findings.push(
      `Requests and replies of clients take ${usage.clients} bytes: some client reads slowly, see CLIENT LIST.`,
    );
  }
  call.reply.verbatim(
    findings.length === 0 ? 'Nothing is wrong with the memory of this node.\n' : `${findings.join('\n')}\n`,
  );
}
