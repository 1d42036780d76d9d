/**
 * Requests a second of several subjects in turns: A B C D, A B C D, …, one under load at a time and all others at
 * rest. Before the first round each cell is run once, unrecorded: it warms the server up (what Node.js runs often it compiles,
 * on one of the same cores), fills the keys that GET reads, and tells how many requests take the time that was asked for.
 */
import type { Load, Test } from './redis-benchmark.ts';
import type { Product, Setting, Subject } from './subject.ts';

export interface Plan {
  readonly tests: readonly Test[];
  readonly depths: readonly number[];
  readonly rounds: number;
  readonly valueBytes: number;
  /** How long a cell shall take; `requests`, where given, decides instead. */
  readonly seconds: number;
  readonly requests: number | null;
  /** Of a pipelined cell, before the first round. */
  readonly warmUpRequests: number;
}

export interface Cell {
  readonly setting: Setting;
  readonly test: Test;
  readonly depth: number;
  /** Requests a second, round by round. */
  readonly rates: Record<Product, number[]>;
  /** Processor time of the server, and of its peer, for each request: microseconds, round by round. */
  readonly processorMicros: Record<Product, number[]>;
  /** Until the peer was equal after the last reply, the longest of all rounds; alone, until the disk was silent. */
  readonly restMsMax: Record<Product, number>;
}

const UNPIPELINED_WARM_UP_REQUESTS: Record<Product, number> = { redis: 30_000, starling: 100_000 };
/** A frame to a peer holds many single requests: until V8 has compiled what sends and reads frames, it takes so many. */
const FRAMES_WARM_UP = { test: 'set', depth: 1, requests: 600_000 } as const;

export async function measureThroughput(
  subjects: readonly Subject[],
  plan: Plan,
  progress: (line: string) => void,
): Promise<Cell[]> {
  const requests = await warmUp(subjects, plan);
  const cells = new Map<string, Cell>();
  for (let round = 1; round <= plan.rounds; round++) {
    for (const { test, depth } of coordinates(plan)) {
      for (const subject of subjects) {
        const { product, setting } = subject;
        const load = { test, depth, valueBytes: plan.valueBytes, requests: requests(subject, test, depth) };
        const { rate, processorMicros, restMs } = await measure(subject, load);
        const name = `${setting} ${test} ${depth}`;
        const cell = cells.get(name) ?? emptyCell(setting, test, depth);
        cells.set(name, cell);
        cell.rates[product].push(rate);
        cell.processorMicros[product].push(processorMicros);
        cell.restMsMax[product] = Math.max(cell.restMsMax[product], restMs);
        progress(`round ${round}/${plan.rounds}  ${test} depth ${depth}  ${product} ${setting}: ${Math.round(rate)}/s`);
      }
    }
  }
  return [...cells.values()];
}

function emptyCell(setting: Setting, test: Test, depth: number): Cell {
  const perProduct = <T>(make: () => T): Record<Product, T> => ({ redis: make(), starling: make() });
  return {
    ...{ setting, test, depth },
    rates: perProduct(() => []),
    processorMicros: perProduct(() => []),
    restMsMax: perProduct(() => 0),
  };
}

function coordinates({ tests, depths }: Plan): { test: Test; depth: number }[] {
  return tests.flatMap((test) => depths.map((depth) => ({ test, depth })));
}

async function measure(
  subject: Subject,
  load: Load,
): Promise<{ rate: number; processorMicros: number; restMs: number }> {
  return { ...(await subject.load(load)), restMs: await subject.rest() };
}

/** How many requests each subject gets in each cell. */
async function warmUp(
  subjects: readonly Subject[],
  plan: Plan,
): Promise<(subject: Subject, test: Test, depth: number) => number> {
  const { valueBytes, seconds } = plan;
  const found = new Map<Subject, Map<string, number>>();
  for (const subject of subjects) {
    const ofSubject = new Map<string, number>();
    found.set(subject, ofSubject);
    await measure(subject, { ...FILL, valueBytes });
    const compiles = subject.product === 'starling' && plan.depths.includes(1);
    if (compiles) await measure(subject, { ...FRAMES_WARM_UP, valueBytes });
    // pipelines first: most of the code is compiled behind fewer seconds of load
    const deepestFirst = { ...plan, depths: plan.depths.toSorted((a, b) => b - a) };
    for (const { test, depth } of coordinates(deepestFirst)) {
      const requests = depth === 1 ? UNPIPELINED_WARM_UP_REQUESTS[subject.product] : plan.warmUpRequests;
      const { rate } = await measure(subject, { test, depth, valueBytes, requests });
      ofSubject.set(`${test} ${depth}`, plan.requests ?? Math.ceil(rate * seconds));
    }
  }
  return (subject, test, depth) => {
    const requests = found.get(subject)?.get(`${test} ${depth}`);
    if (requests === undefined) throw new Error(`${test} at depth ${depth} was not warmed up`);
    return requests;
  };
}

/** Nearly all keys that GET may draw are there then, and most code is compiled. */
const FILL = { test: 'set', depth: 16, requests: 300_000 } as const;
