/**
 * Virtual time. A world is a heap of events, run one after the other in one thread; between two of them all promises
 * are settled. While it lives, the timers, clocks and randomness of the language are its own, so production code runs
 * in it unchanged. Every event belongs to a process: one that has died runs nothing more, one that is stopped runs it
 * when it goes on, and `Date.now()` is the clock of the machine whose event runs.
 */
import { performance } from 'node:perf_hooks';
import { Random } from './random.ts';

/** What Date.now() is when a world begins. */
export const START_MS = Date.UTC(2026, 0, 1);

/** A machine's clock: virtual milliseconds in, UNIX milliseconds out. */
export interface Clock {
  offsetMs: number;
  /** 0.01: gains ten milliseconds a second. */
  drift: number;
}

/** What timers and messages belong to. */
export interface Process {
  alive: boolean;
  /** Virtual milliseconds until which it is stopped (SIGSTOP). */
  stoppedUntilMs: number;
  readonly clock: Clock;
}

/** What an event gives back that has run nothing of the product: then no promises have to be settled. */
export const IDLE = Symbol('idle');

/** Gives IDLE, or anything else. */
type Work = () => unknown;

interface Event {
  atMs: number;
  order: number;
  readonly process: Process | null;
  readonly work: Work;
  cancelled: boolean;
  /** Its process was stopped when it was due: it comes when that ends. */
  held: boolean;
}

/** What setTimeout() and its like give: production code calls unref() on it. */
class Timer {
  event: Event | null = null;
  unref(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  hasRef(): boolean {
    return false;
  }
}

const real = {
  now: Date.now,
  performanceNow: performance.now.bind(performance),
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  random: Math.random,
  abortAfter: AbortSignal.timeout,
};

/** A turn of the real event loop after each event would be a fifth of the time of a run. */
const SETTLING_TICKS = 2;

const NEVER_ABORTED = new AbortController().signal;

export class World {
  nowMs = 0;
  events = 0;
  /** Of everything that happened, in order: equal for equal seeds. */
  hash = 0x811c9dc5;
  current: Process | null = null;
  /** Wall clocks go in steps of so many milliseconds: coarse ones give equal stamps. */
  granularityMs = 1;
  readonly random: Random;
  /** What went wrong in an event: a run with any of these has failed. */
  readonly faults: unknown[] = [];
  private readonly heap: Event[] = [];
  private order = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** Runs `work` for `process` (null: for the world itself) after so many virtual milliseconds. */
  schedule(delayMs: number, process: Process | null, work: Work): Event {
    const event = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: this.order++,
      process,
      work,
      cancelled: false,
      held: false,
    };
    this.push(event);
    return event;
  }

  /** Ends a stop before its time: what has waited for its end comes now. */
  resume(process: Process): void {
    if (process.stoppedUntilMs <= this.nowMs) return;
    process.stoppedUntilMs = 0;
    const events = this.heap.splice(0);
    for (const event of events) {
      if (event.process === process && event.held) event.atMs = this.nowMs;
      this.push(event);
    }
  }

  /** Runs `work` at once as if an event of `process` did: its clock, its timers. */
  as<T>(process: Process | null, work: () => T): T {
    const before = this.current;
    this.current = process;
    try {
      return work();
    } finally {
      this.current = before;
    }
  }

  /** Mixes something that happened into the hash. */
  note(value: number): void {
    this.hash = Math.imul(this.hash ^ (value | 0), 0x01000193);
  }

  noteBytes(bytes: Uint8Array): void {
    let { hash } = this;
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    this.hash = hash;
  }

  noteText(text: string): void {
    let { hash } = this;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.hash = hash;
  }

  /** Runs events until `until()` holds, asked after each one, or that virtual moment has come. False in the second case. */
  async run(untilMs: number, until: () => boolean = () => false): Promise<boolean> {
    await settle();
    for (;;) {
      if (until()) return true;
      const [next] = this.heap;
      if (next === undefined || next.atMs > untilMs) break;
      this.pop();
      if (next.cancelled || next.process?.alive === false) continue;
      if (next.process !== null && next.process.stoppedUntilMs > next.atMs) {
        next.atMs = next.process.stoppedUntilMs;
        next.held = true;
        this.push(next);
        continue;
      }
      this.nowMs = next.atMs;
      this.events++;
      this.note(next.order);
      this.current = next.process;
      let outcome: unknown;
      try {
        outcome = next.work();
      } catch (error) {
        this.faults.push(error);
      }
      if (outcome !== IDLE) await settle();
      this.current = null;
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
    return false;
  }

  /** From here on the language's clocks, timers and randomness are this world's. */
  install(): void {
    const shell = this.random.fork();
    Date.now = () => this.wallMs();
    performance.now = () => this.nowMs;
    Math.random = () => shell.next();
    globalThis.setTimeout = ((work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.timer(() => work(...args), Math.max(1, Number(ms) || 0), false)) as unknown as typeof setTimeout;
    globalThis.setInterval = ((work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      this.timer(() => work(...args), Math.max(1, Number(ms) || 0), true)) as unknown as typeof setInterval;
    globalThis.setImmediate = ((work: (...args: unknown[]) => void, ...args: unknown[]) =>
      this.timer(() => work(...args), 0, false)) as unknown as typeof setImmediate;
    const clear = (timer: unknown) => {
      if (timer instanceof Timer && timer.event !== null) timer.event.cancelled = true;
    };
    globalThis.clearTimeout = clear as typeof clearTimeout;
    globalThis.clearInterval = clear as typeof clearInterval;
    globalThis.clearImmediate = clear as typeof clearImmediate;
    AbortSignal.timeout = () => NEVER_ABORTED;
  }

  uninstall(): void {
    Date.now = real.now;
    performance.now = real.performanceNow;
    Math.random = real.random;
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
    globalThis.setInterval = real.setInterval;
    globalThis.clearInterval = real.clearInterval;
    globalThis.setImmediate = real.setImmediate;
    globalThis.clearImmediate = real.clearImmediate;
    AbortSignal.timeout = real.abortAfter;
  }

  /** What the clock of the machine whose event runs shows. */
  wallMs(clock: Clock | undefined = this.current?.clock): number {
    const since = clock === undefined ? this.nowMs : this.nowMs * (1 + clock.drift) + clock.offsetMs;
    return START_MS + Math.floor(since / this.granularityMs) * this.granularityMs;
  }

  private timer(work: () => void, ms: number, again: boolean): Timer {
    const timer = new Timer();
    const process = this.current;
    const arm = () => {
      timer.event = this.schedule(ms, process, () => {
        if (again) arm();
        work();
      });
    };
    arm();
    return timer;
  }

  // --- a binary heap by time, then by order

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function before(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

/** All promises that can settle have: those that wait for others, and for ticks, to a depth that nothing here comes near. */
function settle(): Promise<void> {
  return new Promise(beginSettling);
}

// One world settles at a time, after every event: a closure each would show in what a run takes.
let ticksLeft = 0;
let settled: () => void = () => {};

function beginSettling(resolve: () => void): void {
  ticksLeft = SETTLING_TICKS;
  settled = resolve;
  process.nextTick(tick);
}

function tick(): void {
  if (--ticksLeft === 0) settled();
  else process.nextTick(tick);
}
