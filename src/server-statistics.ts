/** What INFO counts: totals, and the rates of the last seconds, sampled like Redis's own ten times a second. */
import type { CommandTally, ServerStatistics } from './commands/services.ts';

const SAMPLES = 16;

export class Statistics implements ServerStatistics {
  readonly startedAtMs = Date.now();
  connectionsReceived = 0;
  connectionsRejected = 0;
  commandsProcessed = 0;
  keyspaceHits = 0;
  keyspaceMisses = 0;
  reads = 0;
  writes = 0;
  queryLimitDisconnections = 0;
  outputLimitDisconnections = 0;
  expireCycleMs = 0;
  evictedKeys = 0;
  evictedClients = 0;
  evictionExceededMicros = 0;
  inputBytes = 0;
  outputBytes = 0;
  errorReplies = 0;
  unexpectedErrorReplies = 0;
  instantaneousOpsPerSecond = 0;
  instantaneousInputKbps = 0;
  instantaneousOutputKbps = 0;
  readonly errors = new Map<string, number>();
  readonly commandCalls = new Map<string, CommandTally>();
  private samples: { ms: number; commands: number; input: number; output: number }[] = [];

  countError(text: string): void {
    const space = text.indexOf(' ');
    const prefix = space < 0 ? text : text.slice(0, space);
    this.errorReplies++;
    this.errors.set(prefix, (this.errors.get(prefix) ?? 0) + 1);
  }

  /** Call about ten times a second. */
  sample(): void {
    const now = {
      ms: performance.now(),
      commands: this.commandsProcessed,
      input: this.inputBytes,
      output: this.outputBytes,
    };
    this.samples.push(now);
    if (this.samples.length > SAMPLES) this.samples.shift();
    const [first] = this.samples;
    const seconds = (now.ms - first.ms) / 1000;
    if (seconds <= 0) return;
    this.instantaneousOpsPerSecond = Math.max(0, Math.round((now.commands - first.commands) / seconds));
    this.instantaneousInputKbps = Math.max(0, (now.input - first.input) / 1024 / seconds);
    this.instantaneousOutputKbps = Math.max(0, (now.output - first.output) / 1024 / seconds);
  }

  reset(): void {
    this.connectionsReceived = this.connectionsRejected = this.commandsProcessed = 0;
    this.keyspaceHits = this.keyspaceMisses = 0;
    this.reads = this.writes = this.queryLimitDisconnections = this.outputLimitDisconnections = 0;
    this.expireCycleMs = this.evictedKeys = this.evictedClients = this.evictionExceededMicros = 0;
    this.inputBytes = this.outputBytes = 0;
    this.errorReplies = this.unexpectedErrorReplies = 0;
    this.errors.clear();
    this.commandCalls.clear();
    this.samples = [];
  }
}
