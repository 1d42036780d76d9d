/** Envelopes from strangers, as gossip and streams hand them to the engine. */
import assert from 'node:assert/strict';
import { MalformedError } from '../../../src/core/bytes.ts';
import type { Received } from '../../../src/core/contract.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../src/core/envelope.ts';
import { mutateCbor } from '../cbor-tree.ts';
import { assertSound, makeHistory, Receiver } from '../engines.ts';
import { accepted, type MutationContext, type Target } from '../target.ts';

/** What waits, and notes of what is too early, pile up in the receiver. */
const RUNS_PER_RECEIVER = 256;

const history = makeHistory();
const receiver = new Receiver(history);
let runs = 0;
let received: Received = { kind: 'duplicate' };

export const target: Target = {
  name: 'envelope',
  guidedBy: ['/src/core/', '/cbor-x/'],
  bytesMax: 256 * 1024,
  works: true,
  seeds: () => [...history.before, ...history.after],
  mutate,
  prepare() {
    if (received.kind === 'applied' || ++runs % RUNS_PER_RECEIVER === 0) receiver.renew();
  },
  run(bytes) {
    received = receiver.engine.receive(bytes);
  },
  check(bytes) {
    if (received.kind !== 'applied') receiver.assertUnchanged();
    else {
      assert.equal(receiver.engine.receive(bytes).kind, 'duplicate');
      assertSound(receiver.engine);
    }
    if (received.kind !== 'malformed') assertCodec(bytes);
  },
};

/** What decodes encodes to something that decodes to the same. */
function assertCodec(bytes: Buffer): void {
  const contents = decodeEnvelope(bytes);
  assert.deepEqual(decodeEnvelope(encodeEnvelope(contents)), contents);
}

/** The txns in a sound frame; numbers in it; or the frame itself. */
function mutate(bytes: Buffer, context: MutationContext): Buffer {
  const { random, scramble } = context;
  let encoded = bytes;
  const isSound = accepted(() => {
    const sound = decodeEnvelope(bytes);
    if (random.chance(0.4)) return;
    const txns = random.chance(0.8) ? scramble(sound.txns) : sound.txns;
    const count = random.chance(0.2) ? random.pick([1, 2, 3, 1 << 20]) : sound.count;
    const first = random.chance(0.1) ? sound.first + random.pick([-1, 1, 2]) : sound.first;
    const base = random.chance(0.1) ? Math.max(1, sound.base + random.pick([-4096, 1, 4096 * 1e6])) : sound.base;
    encoded = encodeEnvelope({ ...sound, txns, count, base, first: Math.max(1, first) });
  }, MalformedError);
  return isSound && encoded !== bytes ? encoded : mutateCbor(bytes, context);
}
