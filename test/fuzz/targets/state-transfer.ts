/** State transfers from strangers: pages, the tail of envelopes after them, and what a comparison before them has told. */
import { type Compared, type Engine, MalformedError } from '../../../src/core/index.ts';
import { mutateCbor } from '../cbor-tree.ts';
import { assertSound, makeHistory, makeReceiver, pagesOf, Receiver } from '../engines.ts';
import { mutateParts, type Part, packParts, unpackParts } from '../parts.ts';
import { accepted, type Target } from '../target.ts';

const PAGE = 0;
const TAIL = 1;
const SLOTS = 2;
const VECTOR = 3;
const EQUAL = 4;
const FINGERPRINT_BYTES = 8;
/** More than all of the data. */
const PAGE_BYTES = 100_000;

const history = makeHistory();
const receiver = new Receiver(history);
let changed = false;
let parts: Part[] = [];
let pages: Buffer[] = [];
let tail: Buffer[] = [];

export const target: Target = {
  name: 'state-transfer',
  guidedBy: ['/src/core/', '/cbor-x/'],
  bytesMax: 256 * 1024,
  works: true,
  seeds: () => [packParts(wholeTransfer()), packParts(comparedTransfer())],
  mutate: (bytes, context) =>
    mutateParts(bytes, context, (part) =>
      part.kind <= TAIL ? mutateCbor(part.bytes, context) : context.scramble(part.bytes),
    ),
  prepare(bytes) {
    if (changed) receiver.renew();
    parts = unpackParts(bytes);
    pages = parts.filter(({ kind }) => kind === PAGE).map((part) => part.bytes);
    tail = parts.filter(({ kind }) => kind === TAIL).map((part) => part.bytes);
  },
  run() {
    const { engine } = receiver;
    // as catching-up.ts merges one
    changed = accepted(() => {
      if (engine.excessOfState(pages) > 0) throw new MalformedError('from the future');
      engine.importState(pages, tail, comparisonIn(parts, engine));
    }, MalformedError);
  },
  check() {
    if (changed) assertSound(receiver.engine);
    else receiver.assertUnchanged();
  },
};

function comparisonIn(parts: readonly Part[], engine: Engine): Compared | undefined {
  const slots = parts.find(({ kind }) => kind === SLOTS)?.bytes;
  const vector = parts.find(({ kind }) => kind === VECTOR)?.bytes;
  const told = engine.slotDigests();
  if (slots === undefined || vector === undefined || told === null) return undefined;
  const names = parts.find(({ kind }) => kind === EQUAL)?.bytes ?? Buffer.alloc(0);
  const equal = new Set<string>();
  for (let at = 0; at < names.length; at += FINGERPRINT_BYTES) {
    equal.add(names.toString('latin1', at, at + FINGERPRINT_BYTES));
  }
  return { slots, vector, equal, seenAtSlots: told.seen, seenAtKeys: told.seen, kept: [] };
}

/** Of somebody who has everything, and got the last of it while the pages went out. */
function wholeTransfer(): Part[] {
  const sender = makeReceiver(history);
  for (const bytes of history.after.slice(0, 1)) sender.receive(bytes);
  const pages = pagesOf(sender).map((bytes) => ({ kind: PAGE, bytes }));
  return [...pages, ...history.after.slice(1).map((bytes) => ({ kind: TAIL, bytes }))];
}

function comparedTransfer(): Part[] {
  const sender = makeReceiver(history);
  for (const bytes of history.after) sender.receive(bytes);
  const { engine } = receiver;
  const held = engine.slotDigests();
  if (held === null) throw new Error('a receiver that is ahead of its vector');
  const { slots, vector } = sender.compareSlots(held.digests);
  const { wanted, equal } = engine.chooseKeys(slots, [sender.listKeys(slots, 0, PAGE_BYTES).bytes]);
  const names = new Set<string>();
  for (let at = 0; at < wanted.length; at += FINGERPRINT_BYTES) {
    names.add(Buffer.from(wanted).toString('latin1', at, at + FINGERPRINT_BYTES));
  }
  return [
    { kind: PAGE, bytes: Buffer.from(sender.exportState(0, PAGE_BYTES, names).bytes) },
    { kind: SLOTS, bytes: Buffer.from(slots) },
    { kind: VECTOR, bytes: Buffer.from(vector) },
    { kind: EQUAL, bytes: Buffer.from([...equal].join(''), 'latin1') },
  ];
}
