/** Records of the state, as the store gives them back at the start: the checksums were right, the content may be anything. */
import { createEngine, type Engine, MalformedError } from '../../../src/core/index.ts';
import { assertSound, makeHistory, makeReceiver, recordsOf } from '../engines.ts';
import { mutateParts, type Part, packParts, unpackParts } from '../parts.ts';
import { accepted, type Target } from '../target.ts';

const KEY = 0;
const VALUE = 1;

const history = makeHistory();
const author = makeReceiver(history);
for (const bytes of history.after) author.receive(bytes);
const table = author.replicaTable();
const vector = author.vector();
const records = recordsOf(author);
let engine: Engine = author;
let loaded = false;
let parts: Part[] = [];

export const target: Target = {
  name: 'records',
  guidedBy: ['/src/core/'],
  bytesMax: 64 * 1024,
  works: true,
  seeds: () => [packParts(records.flatMap(partsOf)), ...records.map((record) => packParts(partsOf(record)))],
  mutate: (bytes, context) => mutateParts(bytes, context),
  prepare(bytes) {
    parts = unpackParts(bytes);
    engine = createEngine({ replica: 'dddddddddddddddd', hashSeed: 3 });
    engine.setNow(author.now);
    engine.loadVector([...table], [...vector]);
  },
  run() {
    loaded = accepted(() => {
      for (let i = 0; i + 1 < parts.length; i++) {
        if (parts[i].kind === KEY && parts[i + 1].kind === VALUE) engine.loadRecord(parts[i].bytes, parts[i + 1].bytes);
      }
    }, MalformedError);
  },
  check() {
    // a start that has met a broken record ends there
    if (loaded) assertSound(engine);
  },
};

function partsOf([key, value]: readonly [Buffer, Buffer]): Part[] {
  return [
    { kind: KEY, bytes: key },
    { kind: VALUE, bytes: value },
  ];
}
