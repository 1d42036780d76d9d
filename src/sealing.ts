/**
 * When the open envelope is sealed: at the end of this turn of the event loop if none was for a while, so that a lone
 * write travels at once; else some milliseconds after the last one, so that writes under load share an envelope. An
 * envelope costs its sender and each receiver about a quarter of a millisecond in libp2p, whatever it holds: while the node has
 * time to spare that is well spent on writes that are seen early, and when it has none they had better wait a little.
 */
import { performance } from 'node:perf_hooks';
import type { Engine } from './core/contract.ts';

/** Between envelopes of a node that has nothing else to do, and of one that is never idle. */
const SPACING_MIN_MS = 1;
const SPACING_MAX_MS = 40;
/** The spacing grows with this power of the utilization: 1.6 ms at a half, 11 ms at 0.8, 40 ms at 1. */
const STEEPNESS = 6;
const WINDOW_MS = 20;

/** How much of the time since it was last asked the event loop was at work: from 0 to 1. */
export type Utilization = () => number;

/** Seals what the engine opens, in time. Gives back what ends that, and seals what is open then. */
export function sealInTime(engine: Engine, utilization: Utilization = utilizationOfLoop()): () => void {
  let lastSealedMs = 0;
  let measuredMs = 0;
  let spacingMs = SPACING_MIN_MS;
  let stopped = false;
  const seal = () => {
    if (stopped) return;
    engine.seal();
    lastSealedMs = performance.now();
    if (lastSealedMs - measuredMs < WINDOW_MS) return;
    measuredMs = lastSealedMs;
    spacingMs = SPACING_MIN_MS + (SPACING_MAX_MS - SPACING_MIN_MS) * utilization() ** STEEPNESS;
  };
  engine.onOpen(() => {
    const early = spacingMs - (performance.now() - lastSealedMs);
    if (early <= 0) setImmediate(seal);
    else setTimeout(seal, early);
  });
  return () => {
    stopped = true;
    engine.seal();
  };
}

function utilizationOfLoop(): Utilization {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
