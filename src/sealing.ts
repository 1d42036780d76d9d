/**
 * When the open envelope is sealed: at the end of this turn of the event loop if none was for a while, so that a lone
 * write travels at once; else when SPACING_MS have passed since the last one, so that writes under load share an
 * envelope. (Measured: a lone write is seen at a peer after 0.2 ms this way; an envelope costs its sender and each
 * receiver several tenths of a millisecond in libp2p, so at one a millisecond they take a third of a core.)
 */
import type { Engine } from './core/contract.ts';

const SPACING_MS = 4;

export function sealInTime(engine: Engine): () => void {
  let lastSealedMs = 0;
  let stopped = false;
  const seal = () => {
    if (stopped) return;
    engine.seal();
    lastSealedMs = performance.now();
  };
  engine.onOpen(() => {
    const early = SPACING_MS - (performance.now() - lastSealedMs);
    if (early <= 0) setImmediate(seal);
    else setTimeout(seal, early);
  });
  return () => {
    stopped = true;
    engine.seal();
  };
}
