/** LATENCY: what took long (latency-monitor.ts), and how long calls of commands take as a rule (latency-histogram.ts). */
import type { Slice } from '../core/slice.ts';
import { answerHelp } from './help-reply.ts';
import { latencyGraph } from './latency-graph.ts';
import { latencyReport } from './latency-report.ts';
import { redisContainer, redisEntry } from './metadata/entry.ts';
import type { Services } from './services.ts';
import type { Call, Command } from './table.ts';

const HELP = [
  'DOCTOR',
  '    What took long, and where to look for the reason.',
  'GRAPH <event>',
  '    The samples of an event, as a graph in letters.',
  'HISTOGRAM [<command> ...]',
  '    How long calls of the commands took, cumulated over classes of microseconds.',
  'HISTORY <event>',
  '    Time and milliseconds of each sample of an event.',
  'LATEST',
  '    Of each event the latest sample, and the worst ever: name, time, milliseconds, milliseconds.',
  'RESET [<event> ...]',
  '    Forgets samples, and says of how many events.',
];

function runLatest({ reply, services }: Call): void {
  const { latency } = services;
  reply.array(latency.events.length);
  for (const event of latency.events) {
    const series = latency.of(event);
    const latest = series?.samples.at(-1);
    reply.array(4);
    reply.bulkText(event);
    reply.integer(latest?.atSeconds ?? 0);
    reply.integer(latest?.ms ?? 0);
    reply.integer(series?.maxMs ?? 0);
  }
}

function runHistory({ args, reply, services }: Call): void {
  const samples = services.latency.of(args[2].latin1())?.samples ?? [];
  reply.array(samples.length);
  for (const { atSeconds, ms } of samples) {
    reply.array(2);
    reply.integer(atSeconds);
    reply.integer(ms);
  }
}

function runReset({ args, argc, reply, services }: Call): void {
  const { latency } = services;
  const names = argc === 2 ? latency.events : args.slice(2, argc).map((arg) => arg.latin1());
  reply.integer(names.filter((name) => latency.forget(name)).length);
}

function runGraph({ args, engine, reply, services }: Call): void {
  const event = args[2].latin1();
  const series = services.latency.of(event);
  if (series === undefined) reply.error(`ERR No samples available for event '${args[2].text()}'`);
  else reply.verbatim(latencyGraph(event, series, Math.floor(engine.now / 1000)));
}

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
  redisEntry('latency|doctor', ({ engine, reply, services }) =>
    reply.verbatim(latencyReport(services.latency, Math.floor(engine.now / 1000))),
  ),
  redisEntry('latency|graph', runGraph),
  redisEntry('latency|help', ({ reply }) => answerHelp(reply, 'LATENCY', HELP)),
  redisEntry('latency|histogram', runHistogram),
  redisEntry('latency|history', runHistory),
  redisEntry('latency|latest', runLatest),
  redisEntry('latency|reset', runReset),
]);
