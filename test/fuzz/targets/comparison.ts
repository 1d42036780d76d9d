/** What peers tell of what they hold, and want: digests of slots, bitmaps, lists of keys, fingerprints. */
import assert from 'node:assert/strict';
import { fingerprintsOf, MalformedError } from '../../../src/core/index.ts';
import { makeHistory, makeReceiver, Receiver } from '../engines.ts';
import { mutateParts, type Part, packParts, unpackParts } from '../parts.ts';
import { accepted, type Target } from '../target.ts';

const DIGESTS = 0;
const SLOTS = 1;
const LIST = 2;
const FINGERPRINTS = 3;
const PAGE_BYTES = 100_000;
const BITMAP_BYTES = 2048;
const LISTS_MAX = 16;

const history = makeHistory();
const receiver = new Receiver(history);
/** By kind. */
let told: Buffer[][] = [];

export const target: Target = {
  name: 'comparison',
  guidedBy: ['/src/core/comparison.ts', '/src/core/transfer.ts'],
  bytesMax: 256 * 1024,
  seeds() {
    const sender = makeReceiver(history);
    for (const bytes of history.after) sender.receive(bytes);
    const held = receiver.engine.slotDigests()?.digests ?? Buffer.alloc(0);
    const { slots } = sender.compareSlots(held);
    const list = sender.listKeys(slots, 0, PAGE_BYTES).bytes;
    const { wanted } = receiver.engine.chooseKeys(slots, [list]);
    const parts = [held, slots, list, wanted].map((bytes, kind) => ({ kind, bytes: Buffer.from(bytes) }));
    return [packParts(parts), ...parts.map((part) => packParts([part]))];
  },
  mutate: (bytes, context) => mutateParts(bytes, context),
  prepare(bytes) {
    const parts = unpackParts(bytes);
    told = [DIGESTS, SLOTS, LIST, FINGERPRINTS].map((kind) => bytesOf(parts, kind));
  },
  run() {
    const { engine } = receiver;
    for (const digests of told[DIGESTS]) accepted(() => void engine.compareSlots(digests), MalformedError);
    for (const slots of told[SLOTS]) accepted(() => void engine.chooseKeys(slots, told[LIST]), MalformedError);
    for (const names of told[FINGERPRINTS]) {
      accepted(() => void engine.exportState(0, PAGE_BYTES, new Set(fingerprintsOf(names))), MalformedError);
    }
  },
  check() {
    receiver.assertUnchanged();
    const { engine } = receiver;
    for (const digests of told[DIGESTS]) {
      accepted(() => {
        const { slots } = engine.compareSlots(digests);
        assert.equal(slots.length, BITMAP_BYTES);
        engine.listKeys(slots, 0, PAGE_BYTES);
      }, MalformedError);
    }
  },
};

/** A peer tells each of them once; of lists a few. */
function bytesOf(parts: readonly Part[], wanted: number): Buffer[] {
  const found = parts.filter(({ kind }) => kind === wanted).map(({ bytes }) => bytes);
  return found.slice(0, wanted === LIST ? LISTS_MAX : 1);
}
