/**
 * Calls and times of commands, for INFO commandstats, the slow log and latency events. A clock reading costs as much as a tenth of
 * a pipelined GET, so commands that are quick by their nature are only counted, and share evenly the time of the run
 * that they came in; commands that may take long are measured one by one.
 */
import { LatencyHistogram } from './latency-histogram.ts';
import type { Entry } from './registry.ts';
import type { CommandTally, ServerStatistics, Services } from './services.ts';
import type { Call } from './table.ts';

class Tally implements CommandTally {
  calls = 0;
  micros = 0;
  rejected = 0;
  failed = 0;
  readonly latencies = new LatencyHistogram();
  /** Calls of the current run, whose time is not known yet. */
  untimed = 0;
}

export class CallTimes {
  private readonly services: Services;
  private readonly statistics: ServerStatistics;
  /** `latency-tracking`. */
  private tracks = true;
  /** By entry index. */
  private readonly tallies: (Tally | undefined)[] = [];
  /** As many as statistics.commandCalls holds, unless that was reset. */
  private known = 0;
  private readonly run: Tally[] = [];
  private runCalls = 0;
  /** When the current run began, in microseconds. */
  private since = 0;

  constructor(services: Services) {
    this.services = services;
    this.statistics = services.statistics;
    const { config } = services;
    const follow = () => {
      this.tracks = config.get('latency-tracking') === 'yes';
    };
    follow();
    config.onChange(follow);
  }

  of(entry: Entry): Tally {
    const tally = this.tallies[entry.index];
    return tally === undefined || this.known !== this.statistics.commandCalls.size ? this.enter(entry) : tally;
  }

  /** A chunk of input begins. */
  start(): void {
    this.since = this.services.monotonicMicros();
  }

  /** One call of a quick command. */
  count(tally: Tally): void {
    tally.calls++;
    if (tally.untimed++ === 0) this.run.push(tally);
    this.runCalls++;
  }

  /** Before a command that is measured on its own: ends the run. */
  cut(): void {
    if (this.runCalls > 0) this.share(this.services.monotonicMicros());
  }

  /** After it. */
  measured(tally: Tally, call: Call): void {
    const now = this.services.monotonicMicros();
    const micros = now - this.since;
    this.since = now;
    tally.calls++;
    tally.micros += micros;
    if (this.tracks) tally.latencies.note(micros, 1);
    this.noteIfSlow(call, micros);
  }

  /** After a command that another one, which is measured too, has run. */
  within(tally: Tally, micros: number): void {
    tally.calls++;
    tally.micros += micros;
    if (this.tracks) tally.latencies.note(micros, 1);
  }

  /** The chunk is done. `call`: the last one, if its arguments are still there. */
  end(call: Call | null): void {
    if (this.runCalls === 0) return;
    const alone = this.runCalls === 1;
    const micros = this.share(this.services.monotonicMicros());
    // which of many was slow nobody can tell
    if (alone && call !== null) this.noteIfSlow(call, micros);
  }

  private share(now: number): number {
    const micros = now - this.since;
    const share = micros / this.runCalls;
    for (const tally of this.run) {
      tally.micros += share * tally.untimed;
      if (this.tracks) tally.latencies.note(share, tally.untimed);
      tally.untimed = 0;
    }
    this.run.length = 0;
    this.runCalls = 0;
    this.since = now;
    return micros;
  }

  private noteIfSlow(call: Call, micros: number): void {
    const { latency, slowLog } = this.services;
    // it has not come to its end yet
    if (call.client.blocked) return;
    const { flags } = call.command;
    if (micros >= slowLog.thresholdMicros && !flags.includes('skip_slowlog')) slowLog.note(call, micros);
    if (micros >= latency.thresholdMs * 1000)
      latency.measured(flags.includes('fast') ? 'fast-command' : 'command', micros / 1000);
  }

  private enter(entry: Entry): Tally {
    const { commandCalls } = this.statistics;
    // CONFIG RESETSTAT has emptied the map
    if (this.known !== commandCalls.size) this.tallies.length = 0;
    const tally = new Tally();
    this.tallies[entry.index] = tally;
    commandCalls.set(entry.command.name, tally);
    this.known = commandCalls.size;
    return tally;
  }
}
