/** LATENCY DOCTOR: the latency events in sentences, and for each what it comes of here. */
import type { LatencyEvent, LatencyMonitor, LatencySeries } from './latency-monitor.ts';

const REASONS: Readonly<Record<LatencyEvent, string>> = {
  command:
    'Commands that take long hold up all others. SLOWLOG GET shows which they are; large keys are to be read in parts (SCAN and its kin), and removed in parts.',
  'fast-command':
    'Commands that should be quick were not: the machine was busy with something else, or the process stood still (swapping, a virtual machine without its processor).',
  'expire-cycle':
    'Removing expired keys took long: large collections with a time to live are removed in one go. Smaller ones cost less at a time.',
  'eviction-cycle':
    'Making room at maxmemory took long: less maxmemory-eviction-tenacity and fewer maxmemory-samples take less time for it.',
  'eviction-del': 'A large key was evicted, in one go. Several smaller ones cost less at a time.',
  'aof-fsync-always':
    'The disk took long to confirm writes, and with appendfsync always replies wait for that: a faster disk, or appendfsync everysec.',
  'state-merge':
    "A peer's state was merged in one step, since no log reached back to where this node stood: a larger log-max-bytes, on all nodes, lets nodes be away for longer without it.",
};

export function latencyReport(monitor: LatencyMonitor, nowSeconds: number): string {
  const { events } = monitor;
  if (events.length === 0) {
    return monitor.isOn
      ? `Nothing took ${monitor.thresholdMs} ms or longer since it is watched.\n`
      : 'Latency events are not watched: CONFIG SET latency-monitor-threshold <milliseconds> begins with it.\n';
  }
  const lines = events.flatMap((event, index) => {
    const series = monitor.of(event);
    return series === undefined ? [] : [`${index + 1}. ${event}: ${summaryOf(series, nowSeconds)}`];
  });
  const reasons = events.map((event) => `- ${REASONS[event]}`);
  return `These took ${monitor.isOn ? `${monitor.thresholdMs} ms` : 'too long'} or longer:\n\n${lines.join('\n')}\n\n${reasons.join('\n')}\n`;
}

function summaryOf({ samples, maxMs }: LatencySeries, nowSeconds: number): string {
  const count = samples.length;
  const average = samples.reduce((sum, { ms }) => sum + ms, 0) / count;
  const deviation = samples.reduce((sum, { ms }) => sum + Math.abs(ms - average), 0) / count;
  const period = Math.max(1, nowSeconds - samples[0].atSeconds) / count;
  return (
    `${count} latency spikes (average ${Math.round(average)}ms, mean deviation ${Math.round(deviation)}ms, ` +
    `period ${period.toFixed(2)} sec). Worst all time event ${maxMs}ms.`
  );
}
