/**
 * When the open envelope is sealed: at the end of this turn of the event loop if none was for a while, so that a lone
 * write travels at once; else some milliseconds after the last one, so that writes under load share an envelope.
 * (Measured: a lone write is seen at a peer after 0.2 ms this way; an envelope costs its sender and each receiver
 * several tenths of a millisecond in libp2p, whatever it holds. So the more there is to send, the longer it may wait.)
 */
import type { Engine } from './core/contract.ts';

const SPACING_MS = 4;
/** After an envelope of so many bytes the next one may take longer: at that rate libp2p would take a fifth of a core. */
const FULL_BYTES = 4096;
const FULL_SPACING_MS = 10;

export function sealInTime(engine: Engine): () => void {
  let lastSealedMs = 0;
  let spacingMs = SPACING_MS;
  let stopped = false;
  const seal = () => {
    if (stopped) return;
    spacingMs = engine.openBytes > FULL_BYTES ? FULL_SPACING_MS : SPACING_MS;
    engine.seal();
    lastSealedMs = performance.now();
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
