/**
 * LATENCY. Redis samples events of its own making (forks, disk, expiry); this node samples none, as Redis with
 * `latency-monitor-threshold 0`. What commands cost stands in SLOWLOG, INFO commandstats and HISTOGRAM.
 */

import type { Slice } from '../core/slice.ts';
import { answerHelp } from './help-reply.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import type { Services } from './services.ts';
import type { Call, Command } from './table.ts';

const HELP = [
  'DOCTOR',
  '    Where to look for what is slow.',
  'GRAPH <event>',
  '    A graph of the samples of an event; none are taken.',
  'HISTOGRAM [<command> ...]',
  '    How long calls of the commands took, cumulated over classes of microseconds.',
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

/** Commands that share the time of their pipeline count with that share. */
function runHistogram({ args, argc, reply, services }: Call): void {
  const { commandCalls } = services.statistics;
  const names = argc === 2 ? [...commandCalls.keys()] : args.slice(2, argc).flatMap((arg) => named(arg, services));
  const called = names.flatMap((name) => {
    const latencies = commandCalls.get(name)?.latencies;
    return latencies === undefined || latencies.isEmpty ? [] : [{ name, classes: latencies.cumulative() }];
  });
  reply.map(called.length);
  for (const { name, classes } of called) {
    reply.bulkText(name);
    reply.map(2);
    reply.bulkText('calls');
    reply.integer(classes[classes.length - 1][1]);
    reply.bulkText('histogram_usec');
    reply.map(classes.length);
    for (const [bound, calls] of classes) {
      reply.integer(bound);
      reply.integer(calls);
    }
  }
}

/** A command by its name; a container stands for its sub-commands too. */
function named(arg: Slice, { commands }: Services): string[] {
  const command = commands.find(arg.latin1().toLowerCase());
  return command === undefined ? [] : [command.name, ...(command.subcommands ?? []).map(({ name }) => name)];
}

export const latencyCommand: Command = redisContainer('latency', [
  redisEntry('latency|doctor', ({ reply }) => reply.verbatim(DOCTOR)),
  redisEntry('latency|graph', ({ args, reply }) =>
    reply.error(`ERR No samples available for event '${args[2].text()}'`),
  ),
  redisEntry('latency|help', ({ reply }) => answerHelp(reply, 'LATENCY', HELP)),
  redisEntry('latency|histogram', runHistogram),
  redisEntry('latency|history', ({ reply }) => reply.array(0)),
  redisEntry('latency|latest', ({ reply }) => reply.array(0)),
  redisEntry('latency|reset', ({ reply }) => reply.integer(0)),
]);
