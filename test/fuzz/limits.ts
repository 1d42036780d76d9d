/**
 * One input under the limits: no error but the declared ones, not more than a second, and not more memory than eight
 * times the input and 1 MiB.
 *
 * Memory is counted as V8's heap in use and the memory outside it (buffers), after the run less before it. Garbage
 * counts as well: nothing is collected within a run, since the campaign's process has a young generation of 64 MiB, much
 * more than an input may take. Where it was collected all the same the figure is worth nothing (it is negative, mostly):
 * then, as after any run that broke a limit, the input runs again after a collection, and only what breaks it three
 * times out of three is a finding, so that neither what is compiled or set up once nor a busy machine is taken for one.
 */
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Target } from './target.ts';

export const RUN_MS_MAX = 1000;
export const BYTES_PER_BYTE_MAX = 8;
export const BYTES_EXTRA_MAX = 1 << 20;
const TRIES = 3;
/** More than could be told. */
const COLLECTED = Number.POSITIVE_INFINITY;

export interface Finding {
  readonly kind: 'crash' | 'hang' | 'memory';
  readonly what: string;
  /** Findings of one signature are one finding. */
  readonly signature: string;
}

interface Measured {
  readonly ms: number;
  readonly bytes: number;
}

/** Null if it kept within the limits. */
export async function runWithin(target: Target, bytes: Buffer): Promise<Finding | null> {
  try {
    const allowed = BYTES_PER_BYTE_MAX * bytes.length + BYTES_EXTRA_MAX + (target.extraBytes ?? 0);
    const breaks = ({ ms, bytes: taken }: Measured) => ms > RUN_MS_MAX || taken > allowed;
    let measured = await runOnce(target, bytes);
    for (let tries = 1; breaks(measured); tries++) {
      if (tries === TRIES) return limitFinding(target, bytes, measured, allowed);
      measured = await runOnce(target, bytes, true);
    }
    return null;
  } catch (error) {
    return crashFinding(error);
  }
}

/** `again`: after a collection; where only what is left behind counts, after another one. */
async function runOnce(target: Target, bytes: Buffer, again = false): Promise<Measured> {
  // the product may keep what it is given, or write into it
  const input = Buffer.from(bytes);
  target.prepare?.(input);
  if (again) globalThis.gc?.();
  const before = getHeapStatistics();
  const begin = performance.now();
  const pending = target.run(input);
  if (pending !== undefined) await pending;
  const ms = performance.now() - begin;
  if (again && target.works === true) globalThis.gc?.();
  const after = getHeapStatistics();
  const heap = after.used_heap_size - before.used_heap_size;
  const outside = Math.max(0, after.external_memory - before.external_memory);
  const checking = target.check?.(bytes);
  if (checking !== undefined) await checking;
  const unknown = heap < 0 && target.works !== true;
  return { ms, bytes: unknown ? COLLECTED : heap + outside };
}

function limitFinding(target: Target, bytes: Buffer, measured: Measured, allowed: number): Finding {
  if (measured.ms > RUN_MS_MAX) {
    const what = `${Math.round(measured.ms)} ms for ${bytes.length} bytes`;
    return { kind: 'hang', what, signature: `hang ${target.name}` };
  }
  const what = `${measured.bytes} bytes of memory for ${bytes.length} bytes, where ${allowed} are allowed`;
  return { kind: 'memory', what, signature: `memory ${target.name}` };
}

function crashFinding(error: unknown): Finding {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const places = stack.split('\n').filter((line) => /^\s+at .*\/(src|test\/fuzz\/targets|cbor-x)\//.test(line));
  const name = error instanceof Error ? error.name : typeof error;
  return { kind: 'crash', what: stack, signature: `${name} ${(places[0] ?? '').trim()}` };
}
