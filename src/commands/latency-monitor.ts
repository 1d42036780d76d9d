/**
 * Latency events: what took at least `latency-monitor-threshold` milliseconds, by what it was. Of each event the samples
 * of the last 160 seconds in which there were any are kept, the worst of each second.
 */
import type { ConfigService } from './services.ts';

export interface LatencySample {
  readonly atSeconds: number;
  ms: number;
}

export interface LatencySeries {
  /** Oldest first. */
  readonly samples: LatencySample[];
  maxMs: number;
}

/** What is measured here, of what Redis measures; scripts, files and forks are other things here, or none. */
export const LATENCY_EVENTS = [
  'command',
  'fast-command',
  'expire-cycle',
  'eviction-cycle',
  'eviction-del',
  'aof-fsync-always',
  'state-merge',
] as const;
export type LatencyEvent = (typeof LATENCY_EVENTS)[number];

const SAMPLES_KEPT = 160;

export class LatencyMonitor {
  /** Infinity: nothing is noted. */
  thresholdMs = Number.POSITIVE_INFINITY;
  private readonly series = new Map<LatencyEvent, LatencySeries>();

  get isOn(): boolean {
    return Number.isFinite(this.thresholdMs);
  }

  /** Takes `latency-monitor-threshold` over, now and whenever it changes. */
  follow(config: ConfigService): void {
    const read = () => {
      const ms = Number(config.get('latency-monitor-threshold'));
      this.thresholdMs = ms === 0 ? Number.POSITIVE_INFINITY : ms;
    };
    read();
    config.onChange((name) => {
      if (name === 'latency-monitor-threshold') read();
    });
  }

  measured(event: LatencyEvent, ms: number): void {
    if (ms >= this.thresholdMs) this.note(event, Math.round(ms), Math.floor(Date.now() / 1000));
  }

  private note(event: LatencyEvent, ms: number, atSeconds: number): void {
    let series = this.series.get(event);
    if (series === undefined) {
      series = { samples: [], maxMs: 0 };
      this.series.set(event, series);
    }
    const { samples } = series;
    series.maxMs = Math.max(series.maxMs, ms);
    const latest = samples.at(-1);
    if (latest?.atSeconds === atSeconds) latest.ms = Math.max(latest.ms, ms);
    else samples.push({ atSeconds, ms });
    if (samples.length > SAMPLES_KEPT) samples.shift();
  }

  get events(): readonly LatencyEvent[] {
    return [...this.series.keys()];
  }

  of(event: string): LatencySeries | undefined {
    return this.series.get(event as LatencyEvent);
  }

  /** True if there was anything of it. */
  forget(event: string): boolean {
    return this.series.delete(event as LatencyEvent);
  }
}
