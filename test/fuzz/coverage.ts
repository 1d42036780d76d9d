/**
 * Which blocks of the source have run, from V8's own block coverage. It has to begin before the modules that it looks
 * at are loaded: functions that are compiled already have no counters for their blocks.
 */
import { type Profiler, Session } from 'node:inspector';

type Span = readonly [start: number, end: number];

export class Coverage {
  private readonly session = new Session();
  /** Of each function that ran: the parts that never did. */
  private readonly unseen = new Map<string, readonly Span[]>();
  private guidedBy: readonly string[] = [];

  constructor() {
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Forgets what ran; from now on sources whose path holds one of these parts count. */
  begin(guidedBy: readonly string[]): void {
    this.guidedBy = guidedBy;
    this.unseen.clear();
    this.take();
  }

  /** What has run since the last take. */
  take(): Taken {
    let result: Profiler.ScriptCoverage[] = [];
    this.session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw new Error(`no coverage: ${error.message}`);
      result = answer.result;
    });
    const taken = new Map<string, readonly Span[]>();
    for (const { url, functions } of result) {
      if (!this.guidedBy.some((part) => url.includes(part))) continue;
      for (const { ranges, isBlockCoverage } of functions) {
        const [whole] = ranges;
        if (whole.count === 0) continue;
        // without counters of its blocks a function counts as one
        taken.set(`${url}:${whole.startOffset}`, isBlockCoverage ? spansWithout(ranges) : []);
      }
    }
    return taken;
  }

  /** True if something ran that never had. */
  isNew(taken: Taken): boolean {
    for (const [name, missed] of taken) {
      const known = this.unseen.get(name);
      if (known === undefined || total(intersection(known, missed)) < total(known)) return true;
    }
    return false;
  }

  add(taken: Taken): void {
    for (const [name, missed] of taken) {
      const known = this.unseen.get(name);
      this.unseen.set(name, known === undefined ? missed : intersection(known, missed));
    }
  }

  /** Functions that have run at least in part. */
  get functions(): number {
    return this.unseen.size;
  }
}

export type Taken = ReadonlyMap<string, readonly Span[]>;

/** What of a function did not run: ranges are nested, and the innermost one that holds a place tells of it. */
function spansWithout(ranges: readonly Profiler.CoverageRange[]): Span[] {
  const spans: Span[] = [];
  for (const { startOffset, endOffset, count } of ranges) {
    if (count === 0) spans.push([startOffset, endOffset]);
  }
  return spans;
}

function intersection(a: readonly Span[], b: readonly Span[]): Span[] {
  const both: Span[] = [];
  for (const [startA, endA] of a) {
    for (const [startB, endB] of b) {
      const start = Math.max(startA, startB);
      const end = Math.min(endA, endB);
      if (start < end) both.push([start, end]);
    }
  }
  return both;
}

function total(spans: readonly Span[]): number {
  let sum = 0;
  for (const [start, end] of spans) sum += end - start;
  return sum;
}
