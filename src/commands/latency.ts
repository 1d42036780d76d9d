/**
 * LATENCY. Redis samples events of its own making (forks, disk, expiry); this node samples none, as Redis with
 * `latency-monitor-threshold 0`. What commands cost stands in SLOWLOG and INFO commandstats.
 */
import { answerHelp } from './help-reply.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import type { Command } from './table.ts';

const HELP = [
  'DOCTOR',
  '    Where to look for what is slow.',
  'GRAPH <event>',
  '    A graph of the samples of an event; none are taken.',
  'HISTORY <event>',
  '    Samples of an event; none are taken.',
  'LATEST',
  '    The latest sample of each event; none are taken.',
  'RESET [<event> ...]',
  '    Forgets samples, and says of how many events.',
];
const DOCTOR =
  'This node samples no latency events. See SLOWLOG GET for slow commands, INFO commandstats for the cost of each ' +
  'command, and MESH PEERS for round-trip times between nodes.\n';

export const latencyCommand: Command = redisContainer('latency', [
  redisEntry('latency|doctor', ({ reply }) => reply.verbatim(DOCTOR)),
  redisEntry('latency|graph', ({ args, reply }) =>
    reply.error(`ERR No samples available for event '${args[2].text()}'`),
  ),
  redisEntry('latency|help', ({ reply }) => answerHelp(reply, 'LATENCY', HELP)),
  redisEntry('latency|history', ({ reply }) => reply.array(0)),
  redisEntry('latency|latest', ({ reply }) => reply.array(0)),
  redisEntry('latency|reset', ({ reply }) => reply.integer(0)),
]);
