/**
 * PFADD, PFCOUNT, PFMERGE, PFDEBUG and PFSELFTEST: how many different elements there are, about, in 12 KB at most. A sketch
 * is a string, written as a whole; what concurrent writes give together is in siblings.ts. Unlike in Redis PFCOUNT keeps no
 * cardinality in the value: a read that wrote would reach every node, and conflict with what is added there.
 */
import { KEEP_DEADLINE, KeyType } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { REGISTERS } from './hash.ts';
import { testSketches } from './self-test.ts';
import { joinSiblings, unionOf } from './siblings.ts';
import { isSketch, Registers, Sketch } from './sketch.ts';

const NO_SKETCH = 'WRONGTYPE Key is not a valid HyperLogLog string value.';
const CORRUPT = 'INVALIDOBJ Corrupted HLL object detected';
const value = new Slice();

function sparseBytesMax({ services }: Call): number {
  return Number(services.config.get('hll-sparse-max-bytes'));
}

/** The sketch under a key, with whether it stands in several values there; null if there is no key. Undefined after an error. */
function sketchAt(call: Call, key: Slice): { sketch: Sketch; joined: boolean } | null | undefined {
  const { client, db, engine, reply } = call;
  const type = db.strings.read(key, value);
  if (type === KeyType.none) return null;
  if (type !== KeyType.string) {
    reply.error(Errors.wrongType);
    return undefined;
  }
  if (!isSketch(value)) {
    reply.error(NO_SKETCH);
    return undefined;
  }
  const joined = joinSiblings(engine, client.database, key, value, sparseBytesMax(call));
  return { sketch: Sketch.of(value), joined };
}

function countLookup({ services: { statistics } }: Call, found: boolean): void {
  if (found) statistics.keyspaceHits++;
  else statistics.keyspaceMisses++;
}

function runPfadd(call: Call): void {
  const { args, argc, db, reply } = call;
  const found = sketchAt(call, args[1]);
  if (found === undefined) return;
  const sketch = found === null ? Sketch.empty() : found.sketch;
  const limit = sparseBytesMax(call);
  let changed = found === null;
  for (let i = 2; i < argc; i++) {
    const raised = sketch.add(args[i], limit);
    if (raised === undefined) {
      reply.error(CORRUPT);
      return;
    }
    changed ||= raised;
  }
  if (changed) sketch.forgetCardinality();
  // what stood in several values is written as one, whether this has added to it or not
  if (changed || found?.joined === true) db.strings.write(args[1], sketch.value(value), KEEP_DEADLINE);
  reply.flag(changed);
}

function runPfcount(call: Call): void {
  const { args, argc, reply } = call;
  const registers = new Registers();
  for (let i = 1; i < argc; i++) {
    const found = sketchAt(call, args[i]);
    countLookup(call, found !== null);
    if (found === undefined) return;
    if (found === null) continue;
    const known = argc === 2 ? found.sketch.knownCardinality : undefined;
    if (known !== undefined) {
      reply.integer(known);
      return;
    }
    if (!found.sketch.mergeInto(registers)) {
      reply.error(CORRUPT);
      return;
    }
  }
  reply.integer(registers.cardinality());
}

function runPfmerge(call: Call): void {
  const { args, argc, db, reply } = call;
  const sketches: Sketch[] = [];
  let target: Sketch | null = null;
  for (let i = 1; i < argc; i++) {
    const found = sketchAt(call, args[i]);
    countLookup(call, found !== null);
    if (found === undefined) return;
    if (found === null) continue;
    sketches.push(found.sketch);
    if (i === 1) target = found.sketch;
  }
  const union = unionOf(target ?? Sketch.empty(), sketches, sparseBytesMax(call));
  if (union === undefined) {
    reply.error(CORRUPT);
    return;
  }
  db.strings.write(args[1], union.value(value), KEEP_DEADLINE);
  reply.ok();
}

function runPfdebug(call: Call): void {
  const { args, argc, reply } = call;
  const found = sketchAt(call, args[2]);
  if (found === undefined) return;
  if (found === null) {
    reply.error('ERR The specified key does not exist');
    return;
  }
  const word = args[1];
  const run = DEBUGGING.find((each) => word.isWord(each.word))?.run;
  if (run === undefined) reply.error(`ERR Unknown PFDEBUG subcommand '${word.text()}'`);
  else if (argc !== 3) reply.error(`ERR Wrong number of arguments for the '${word.text()}' subcommand`);
  else run(call, found.sketch);
}

const DEBUGGING: readonly { readonly word: string; readonly run: (call: Call, sketch: Sketch) => void }[] = [
  { word: 'getreg', run: answerRegisters },
  { word: 'decode', run: answerRuns },
  { word: 'encoding', run: ({ reply }, sketch) => reply.status(sketch.form) },
  { word: 'todense', run: runToDense },
];

/** Makes the sketch dense, as Redis does when it is asked for its registers. */
function answerRegisters(call: Call, sketch: Sketch): void {
  const { reply } = call;
  const registers = new Registers();
  if (!sketch.mergeInto(registers)) {
    reply.error(CORRUPT);
    return;
  }
  writeDense(call, sketch);
  reply.array(REGISTERS);
  for (const count of registers.counts) reply.integer(count);
}

function answerRuns({ reply }: Call, sketch: Sketch): void {
  if (sketch.form === 'dense') reply.error('ERR HLL encoding is not sparse');
  else reply.bulkText(sketch.describeRuns());
}

function runToDense(call: Call, sketch: Sketch): void {
  const wasSparse = sketch.form === 'sparse';
  if (!sketch.makeDense()) {
    call.reply.error(CORRUPT);
    return;
  }
  if (wasSparse) call.db.strings.write(call.args[2], sketch.value(value), KEEP_DEADLINE);
  call.reply.flag(wasSparse);
}

function writeDense({ args, db }: Call, sketch: Sketch): void {
  if (sketch.form === 'sparse' && sketch.makeDense()) db.strings.write(args[2], sketch.value(value), KEEP_DEADLINE);
}

function runPfselftest({ reply }: Call): void {
  const fault = testSketches();
  if (fault === null) reply.ok();
  else reply.error(`ERR TESTFAILED ${fault}`);
}

export const hyperloglogCommands: readonly Command[] = [
  redisEntry('pfadd', runPfadd),
  redisEntry('pfcount', runPfcount),
  redisEntry('pfdebug', runPfdebug),
  redisEntry('pfmerge', runPfmerge),
  redisEntry('pfselftest', runPfselftest),
];
