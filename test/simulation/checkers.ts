/**
 * Checks over whole nodes, each under the id of its invariant: those that hold at any moment, and those at the end, when
 * everything is healed and nobody writes. What one reply can show is checked where it comes in (workload.ts).
 */
import { unixMsOf } from '../../src/core/clock.ts';
import { keySlot } from '../../src/core/hash.ts';
import {
  type Database,
  slotsOf as damagedSlotsOf,
  type Engine,
  KEY_TYPE_NAMES,
  Slice,
  STREAM_ID_MAX,
  STREAM_ID_MIN,
  type StreamEntry,
  type StreamId,
  type VersionVector,
} from '../../src/core/index.ts';
import { ReplyError } from '../../src/resp/decode.ts';
import { type Call, type History, violated } from './history.ts';
import { type Machine, type Node, numberIn } from './machine.ts';
import { type Oracle, type Shown, SPECIFIED_DATABASE } from './oracle.ts';
import { StreamView } from './oracle-streams.ts';
import { specifiedText, textOf } from './strings.ts';
import { Counters, KEEPSAKES_DATABASE, Keepsakes } from './workload.ts';

/** The guard's limit, and what clocks may be apart beside it. */
const CLOCK_AHEAD_MS_MAX = 60_000;
/** I11: nobody holds more back than the core's limit. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** Of slotDigests(): number and digest. */
const SLOT_ENTRY_BYTES = 10;

export interface Running {
  readonly machine: Machine;
  readonly node: Node;
}

export function runningOf(machines: readonly Machine[]): Running[] {
  return machines.flatMap((machine) => (machine.node === null ? [] : [{ machine, node: machine.node }]));
}

function sameVector(one: VersionVector, other: VersionVector): boolean {
  return (
    one.every(({ replica, number }) => numberIn(other, replica) === number) &&
    other.every(({ replica, number }) => numberIn(one, replica) === number)
  );
}

/** Everything that a node shows, without the clock: values, and when they end. */
export function contentsOf(engine: Engine): string {
  const lines: string[] = [];
  for (const database of engine.databases) {
    database.forEachKey((key, type) => {
      const name = key.latin1();
      const owned = Slice.of(name);
      lines.push(
        `${database.index} ${JSON.stringify(name)} ${database.deadlineOf(owned)} ${shownOf(engine, database.index, owned, type)}`,
      );
    });
  }
  return lines.sort().join('\n');
}

function shownOf(engine: Engine, index: number, key: Slice, type: number): string {
  const database = engine.databases[index];
  const out = new Slice();
  if (type === 1) {
    database.strings.read(key, out);
    return JSON.stringify(out.latin1());
  }
  const elements: string[] = [];
  if (type === 2) {
    database.hashes.forEach(key, (field, value) => {
      elements.push(
        `${JSON.stringify(field.latin1())}=${JSON.stringify(value.latin1())}@${database.hashes.deadlineOf(key, Slice.of(field.latin1()))}`,
      );
    });
  } else if (type === 3) database.sets.forEach(key, (member) => elements.push(JSON.stringify(member.latin1())));
  else if (type === 4)
    return listOf(database, key)
      .map((value) => JSON.stringify(value))
      .join(',');
  else if (type === 6) return streamOf(database, key).join(',');
  else
    return rankedOf(database, key)
      .map(([member, score]) => `${JSON.stringify(member)}:${score}`)
      .join(',');
  return elements.sort().join(',');
}

/** Elements of a list: all ways of reading it must give them alike. */
function listOf({ lists }: Database, key: Slice): string[] {
  const found: string[] = [];
  const out = new Slice();
  lists.range(key, 0, Number.POSITIVE_INFINITY, 1, (value) => {
    found.push(value.latin1());
  });
  const single = found.map((_, index) => (lists.at(key, index, out) ? out.latin1() : null));
  if (found.length !== lists.size(key) || single.some((value, index) => value !== found[index]))
    violated('I1', `${key.latin1()} is ${JSON.stringify(found)}, and one by one ${JSON.stringify(single)}`);
  return found;
}

/** A stream in lines, as StreamView tells of it: all ways of reading it must give the same. */
function streamOf({ streams }: Database, key: Slice): string[] {
  const entries: string[] = [];
  const backward: string[] = [];
  const take = (into: string[]) => (entry: StreamEntry) => {
    const words: string[] = [];
    entry.forEachField((field, value) => words.push(field.latin1(), value.latin1()));
    into.push(`${idText(entry.id)} ${words.join(' ')}`);
    return true;
  };
  streams.range(key, STREAM_ID_MIN, STREAM_ID_MAX, 1, take(entries));
  streams.range(key, STREAM_ID_MIN, STREAM_ID_MAX, -1, take(backward));
  if (entries.join('\n') !== backward.reverse().join('\n') || streams.size(key) !== entries.length)
    violated('I1', `${key.latin1()} is ${entries.join(', ')}, and backward ${backward.join(', ')}`);
  const status = streams.status(key);
  const lines = entries.map((entry, index) => `entry ${index} ${entry}`);
  if (status !== null) lines.push(`last ${idText(status.lastId)}`, `added ${status.entriesAdded}`);
  for (const { name, lastDeliveredId, pending } of streams.groups(key)) {
    const group = new Slice(name);
    lines.push(`group ${name} ${idText(lastDeliveredId)} ${streams.hasNew(key, group)}`);
    const found = pendingOf(streams, key, group, null);
    lines.push(...found.map((each, index) => `pending ${name} ${index} ${each}`));
    let count = 0;
    for (const consumer of streams.consumers(key, group)) {
      lines.push(`consumer ${name} ${consumer.name} ${consumer.activeMs}`);
      count += pendingOf(streams, key, group, new Slice(consumer.name)).length;
    }
    if (count !== found.length || pending !== count)
      violated('I1', `${key.latin1()} has ${found.length} pending in ${name}, and ${count} by consumers`);
  }
  return lines;
}

function pendingOf(streams: Database['streams'], key: Slice, group: Slice, consumer: Slice | null): string[] {
  const found: string[] = [];
  streams.forEachPending(key, group, consumer, STREAM_ID_MIN, STREAM_ID_MAX, (each) => {
    found.push(`${idText(each.id)} ${each.consumer} ${each.deliveredMs} ${each.deliveries}`);
    return true;
  });
  return found;
}

function idText({ ms, seq }: StreamId): string {
  return `${ms}-${seq}`;
}

/** Members and scores of a sorted set, in the order in which the node keeps them: it must be that of their scores. */
function rankedOf(database: Database, key: Slice): [member: string, score: number][] {
  const ranked: [string, number][] = [];
  database.zsets.range(key, 0, Number.POSITIVE_INFINITY, 1, (member, score) => ranked.push([member.latin1(), score]));
  const isBefore = ([one, oneScore]: [string, number], [other, otherScore]: [string, number]) =>
    oneScore < otherScore || (oneScore === otherScore && one < other);
  const inOrder = ranked.every((each, rank) => rank === 0 || isBefore(ranked[rank - 1], each));
  const same = ranked.every(([member, score]) => database.zsets.score(key, Slice.of(member)) === score);
  if (!inOrder || !same || ranked.length !== database.zsets.size(key))
    violated('I1', `${key.latin1()} is kept in the order ${JSON.stringify(ranked)}`);
  return ranked;
}

/**
 * I1: nodes that have applied the same txns hold the same data, at any moment. `damaging`: bytes flip where the keepsakes
 * are, and what a node has sent of them before it knew shows at others until it is mended.
 */
export function checkAgreement(machines: readonly Machine[], damaging = false): void {
  const running = runningOf(machines);
  for (const { machine, node } of running) machine.as(() => node.engine.seal());
  const vectors = running.map(({ node }) => node.engine.vector());
  for (let one = 0; one < running.length; one++) {
    for (let other = one + 1; other < running.length; other++) {
      if (!sameVector(vectors[one], vectors[other])) continue;
      const [a, b] = [running[one], running[other]];
      if (a.node.engine.digest() === b.node.engine.digest()) continue;
      if (damaging && differsInKeepsakesOnly(a.node.engine, b.node.engine)) continue;
      const difference = differenceOf(a, b);
      violated('I1', `${a.machine.name} and ${b.machine.name} have the same vector and other digests\n${difference}`);
    }
  }
}

/** Every slot in which they differ has keepsakes in it, whose bytes may have flipped. */
function differsInKeepsakesOnly(a: Engine, b: Engine): boolean {
  const [one, other] = [a, b].map(slotsOf);
  const damaged = new Set([...keepsakeSlots(a), ...keepsakeSlots(b)]);
  return [...new Set([...one.keys(), ...other.keys()])].every(
    (slot) => one.get(slot) === other.get(slot) || damaged.has(slot),
  );
}

/** Digest by slot. */
function slotsOf(engine: Engine): Map<number, string> {
  const digests = Buffer.from(engine.slotDigests()?.digests ?? []);
  const slots = new Map<number, string>();
  for (let at = 0; at < digests.length; at += SLOT_ENTRY_BYTES)
    slots.set(digests.readUInt16LE(at), digests.toString('hex', at + 2, at + SLOT_ENTRY_BYTES));
  return slots;
}

function keepsakeSlots(engine: Engine): Set<number> {
  const slots = new Set<number>();
  engine.databases[KEEPSAKES_DATABASE].forEachKey(({ bytes, start, end }) => slots.add(keySlot(bytes, start, end)));
  return slots;
}

function differenceOf(a: Running, b: Running): string {
  const [one, other] = [a, b].map(({ node }) => new Set(contentsOf(node.engine).split('\n')));
  const missing = [...one].filter((line) => !other.has(line)).map((line) => `${a.machine.name} ${line}`);
  const added = [...other].filter((line) => !one.has(line)).map((line) => `${b.machine.name} ${line}`);
  return [...missing, ...added].map((line) => line.slice(0, 200)).join('\n');
}

/** I2: a node shows what the oracle says, for exactly the txns that it has applied, until when the oracle says. */
export function checkSpecification(machines: readonly Machine[], history: History): void {
  for (const { machine, node } of runningOf(machines)) {
    // as for any command: a process that was stopped has not looked at the clock since
    machine.as(() => node.engine.setNow(Date.now()));
    const database = node.engine.databases[SPECIFIED_DATABASE];
    const { oracle } = history;
    const doubtful = (key: string, shown: Shown | null, vector: ReadonlyMap<string, number>) =>
      shown?.doubtful === true || oracle.isDoubted(key, vector);
    const { wanted, found } = specifiedContents(node.engine, database, oracle, doubtful);
    if (wanted !== found) violated('I2', `${machine.name} shows\n${found}\nand not\n${wanted}`);
  }
}

/** What a database should show at this moment by what its engine has applied, and what it does, in lines. */
export function specifiedContents(
  engine: Engine,
  database: Database,
  oracle: Oracle,
  excepted: (key: string, shown: Shown | null, vector: ReadonlyMap<string, number>) => boolean,
): { wanted: string; found: string } {
  const vector = new Map(engine.vector().map(({ replica, number }) => [replica, number]));
  const wanted: string[] = [];
  const skipped = new Set<string>();
  const contents = oracle.contents(vector, engine.now);
  for (const key of oracle.keys()) {
    const shown = contents.get(key) ?? null;
    if (excepted(key, shown, vector)) skipped.add(key);
    else if (shown !== null) {
      const { part, endMs, fieldEnds } = shown;
      const elements = elementsOf(part, shown.elements);
      wanted.push(specified(key, part, elements, endMs, fieldEnds));
    }
  }
  const found: string[] = [];
  database.forEachKey((key, type) => {
    const name = Slice.of(key.latin1());
    if (skipped.has(name.latin1())) return;
    const elements: [string, string][] = [];
    const out = new Slice();
    if (type === 1 && database.strings.read(name, out) !== 0) elements.push(['', textOf(engine, database, name, out)]);
    if (type === 2) database.hashes.forEach(name, (field, value) => elements.push([field.latin1(), value.latin1()]));
    if (type === 3) database.sets.forEach(name, (member) => elements.push([member.latin1(), '']));
    if (type === 4) elements.push(...numbered(listOf(database, name)));
    if (type === 5) for (const [member, score] of rankedOf(database, name)) elements.push([member, String(score)]);
    if (type === 6) elements.push(...numbered(streamOf(database, name)));
    const part = KEY_TYPE_NAMES[type];
    const fieldEnds = new Map(
      (type === 2 ? elements : []).flatMap(([field]): [string, number][] => {
        const endMs = database.hashes.deadlineOf(name, Slice.of(field));
        return endMs >= 0 ? [[field, endMs]] : [];
      }),
    );
    found.push(specified(name.latin1(), part, elements, database.deadlineOf(name), fieldEnds));
  });
  return { wanted: wanted.sort().join('\n'), found: found.sort().join('\n') };
}

function elementsOf(part: string, elements: ReadonlyMap<string, string>): [string, string][] {
  if (part === 'string') return [...elements].map(([name, value]) => [name, specifiedText(value)]);
  if (part === 'stream') return numbered(new StreamView(elements).lines());
  return part === 'list' ? numbered([...elements.values()]) : [...elements];
}

function numbered(values: readonly string[]): [string, string][] {
  return values.map((value, index) => [String(index), value]);
}

function specified(
  key: string,
  part: string,
  elements: [string, string][],
  endMs: number,
  fieldEnds: ReadonlyMap<string, number>,
): string {
  const ends = fieldEnds.size === 0 ? '' : `, fields end ${JSON.stringify([...fieldEnds].sort())}`;
  return `${key} ${part} ${JSON.stringify(elements.sort())} ${Number.isFinite(endMs) && endMs >= 0 ? endMs : 'for ever'}${ends}`;
}

/** I11: what waits is bounded. */
export function checkBounds(machines: readonly Machine[]): void {
  for (const { machine, node } of runningOf(machines)) {
    const { waitingBytes } = node.engine.statistics;
    if (waitingBytes > WAITING_BYTES_MAX)
      violated('I11', `${machine.name} holds ${waitingBytes} bytes of envelopes back`);
  }
}

/** All whose clocks are right serve, and have applied the same txns. */
export function isConverged(machines: readonly Machine[]): boolean {
  const running = runningOf(machines).filter(({ machine }) => !machine.wild);
  if (running.length < machines.filter(({ wild, gone }) => !wild && !gone).length) return false;
  const [first, ...others] = running.map(({ node }) => node.engine.vector());
  return others.every((vector) => sameVector(first, vector));
}

/** At the end, all being converged: I1, I4, I8, I9. */
export function checkEnd(everybody: readonly Machine[], history: History): void {
  const machines = everybody.filter(({ wild }) => !wild);
  checkAgreement(machines);
  checkClocks(machines);
  checkSpecification(machines, history);
  const running = runningOf(machines);
  const [first] = running;
  if (first === undefined) return;
  const contents = running.map(({ machine, node }) =>
    machine.as(() => {
      node.engine.setNow(Date.now());
      return contentsOf(node.engine);
    }),
  );
  // clocks may differ, so what has ended may be hidden on some only; and what is damaged everywhere differs
  const isDamaged = running.some(({ node }) => node.engine.statistics.damagedSlots > 0);
  if (!isDamaged && machines.every(({ clock }) => clock.offsetMs === 0 && clock.drift === 0)) {
    contents.forEach((each, index) => {
      if (each !== contents[0]) violated('I1', `equal digests, but\n${differenceOf(running[0], running[index])}`);
    });
  }
  const { engine } = first.node;
  const vector = engine.vector();
  const survived = (call: Call) => call.txns.every((txn) => numberIn(vector, txn.replica) >= txn.number);
  for (const call of history.calls) {
    if (everybody[call.machine].wild) continue;
    if (call.replies === null || call.excused || call.replies.some((reply) => reply instanceof ReplyError)) continue;
    if (!survived(call)) violated('I4', `acknowledged and lost: ${describe(call)}`);
  }
  checkCounters(engine, history, vector);
  checkUniques(engine, history, survived);
  for (const { machine, node } of running) checkKeepsakes(machine, node.engine, history, survived);
}

/**
 * I16: no node has damaged data any more, which it finds by looking at all of it, or what another had sent of such; but for
 * what is damaged everywhere, since who had a sound copy has lost it, or left.
 */
export function isMended(machines: readonly Machine[], history: History): boolean {
  const digests = new Set(runningOf(machines).map(({ node }) => node.engine.digest()));
  if (digests.size > 1 && isConverged(machines) && !machines.some(({ wild }) => wild)) return false;
  const damaged = runningOf(machines).map(({ machine, node: { engine } }) =>
    machine.as(() => {
      const until = engine.statistics.selfChecks + 2;
      while (engine.statistics.selfChecks < until) engine.checkSelf(Number.POSITIVE_INFINITY);
      return damagedSlotsOf(engine.damagedSlots());
    }),
  );
  const unmendable = new Set(history.calls.filter((call) => call.unmendable).map(keepsakeSlot));
  return damaged.flat().every((slot) => unmendable.has(slot) && damaged.every((slots) => slots.includes(slot)));
}

function keepsakeSlot({ commands }: Call): number {
  const key = Buffer.from(Keepsakes.left(commands)[0], 'latin1');
  return keySlot(key, 0, key.length);
}

/** I16: what was written once is what it was. */
function checkKeepsakes(machine: Machine, engine: Engine, history: History, survived: (call: Call) => boolean): void {
  const database = engine.databases[KEEPSAKES_DATABASE];
  const present = new Map<string, string>();
  const out = new Slice();
  database.forEachKey((key, type) => {
    const name = Slice.of(key.latin1());
    const elements: string[] = [];
    if (type === 1 && database.strings.read(name, out) !== 0) elements.push(out.latin1());
    if (type === 2)
      database.hashes.forEach(name, (field, value) => elements.push(`${field.latin1()}=${value.latin1()}`));
    if (type === 3) database.sets.forEach(name, (member) => elements.push(member.latin1()));
    if (type === 5) for (const [member, score] of rankedOf(database, name)) elements.push(`${member}:${score}`);
    if (type === 6) elements.push(...streamOf(database, name));
    const inOrder = type === 4 ? listOf(database, name) : elements.sort();
    present.set(name.latin1(), inOrder.join());
  });
  for (const call of history.calls) {
    if (call.family !== 'keepsakes') continue;
    const [key, value] = Keepsakes.left(call.commands);
    const found = present.get(key);
    present.delete(key);
    if (call.txns.length === 0 || call.unmendable || !survived(call)) continue;
    if (found !== value) violated('I16', `${machine.name} shows ${found} under ${key}: ${describe(call)}`);
  }
  if (present.size > 0)
    violated('I16', `${machine.name} shows what nobody wrote: ${[...present].slice(0, 3).join(' ')}`);
}

/** I12: no stamp from the future has come in, so no clock was dragged along. */
function checkClocks(machines: readonly Machine[]): void {
  for (const { machine, node } of runningOf(machines)) {
    for (const { replica, stamp } of node.engine.vector()) {
      const aheadMs = unixMsOf(stamp) - machine.as(() => Date.now());
      if (aheadMs > CLOCK_AHEAD_MS_MAX)
        violated('I12', `${machine.name} has taken a txn of ${replica} from ${aheadMs} ms ahead`);
    }
  }
}

/** I8: cancelled counters are forgotten once all members know. */
export function isCollected(machines: readonly Machine[]): boolean {
  // a member that nobody hears out would have to know too
  if (machines.some(({ wild }) => wild)) return true;
  const running = runningOf(machines);
  const live = new Set(running.map(({ node }) => node.engine.replica));
  return running.every(({ node }) => {
    // what one that has left for ever had added to may be kept for it; and what was added under an id that nobody knows of
    // any more: its node crashed before it could note it down; and what whoever has the original of a copy may still add
    const named = node.engine.shorten(node.engine.vector());
    const isCopy = node.engine.copiedReplicas().length > 0;
    const keeping = isCopy || machines.some(({ gone }) => gone) || named.some(({ replica }) => !live.has(replica));
    const { pendingCollection, heldCollection } = node.engine.statistics;
    return pendingCollection === (keeping ? heldCollection : 0);
  });
}

/** I11: nobody's log on disk is longer than its limit for long, whoever has left. */
export function areLogsCut(machines: readonly Machine[], logBytesMax: number): boolean {
  return runningOf(machines).every(({ node }) => node.store.statistics().log_bytes <= logBytesMax);
}

/** I11: of the ids that a node was known by before, none is left in its vector that all members have. */
export function isRetired(machines: readonly Machine[]): boolean {
  if (machines.some(({ wild }) => wild)) return true;
  const engines = runningOf(machines).map(({ node }) => node.engine);
  // whose directory was cloned takes what the original goes on under for a former id of its own
  const live = new Set(engines.map(({ replica }) => replica));
  return engines.every((engine) => {
    const named = engine.shorten(engine.vector()).map(({ replica }) => replica);
    const former = new Set(engine.ownReplicas().filter((replica) => !live.has(replica)));
    return named.every((replica) => !former.has(replica));
  });
}

/** I11: nobody waits for ever for what its author has lost. */
export function isPatienceOver(machines: readonly Machine[]): boolean {
  // what depends on txns from the future comes again and again until their time
  if (machines.some(({ wild }) => wild)) return true;
  return runningOf(machines).every(({ node }) => node.engine.statistics.waitingEnvelopes === 0);
}

/** I9: each counter is the sum of the increments whose txns are here. */
function checkCounters(engine: Engine, history: History, vector: VersionVector): void {
  const sums = new Map<string, number>();
  for (const call of history.calls) {
    if (call.family !== 'counters') continue;
    // a call without a txn changed nothing; MULTI has one txn for all
    const applied = call.txns.filter((txn) => numberIn(vector, txn.replica) >= txn.number).length;
    if (applied === 0) continue;
    for (const [key, delta] of Counters.sums(call.commands)) sums.set(key, (sums.get(key) ?? 0) + delta);
  }
  const [database] = engine.databases;
  const out = new Slice();
  for (const [name, sum] of sums) {
    const [key, field] = name.split(' ');
    const found =
      field === undefined
        ? database.strings.read(Slice.of(key), out) !== 0
        : database.hashes.get(Slice.of(key), Slice.of(field), out);
    const shown = found ? Number(out.latin1()) : 0;
    if (shown !== sum) violated('I9', `counter ${name} is ${shown}, the increments sum up to ${sum}`);
  }
}

/** I4: every unique member that was acknowledged is there, and none that nobody added. */
function checkUniques(engine: Engine, history: History, survived: (call: Call) => boolean): void {
  const present = new Set<string>();
  for (const key of ['u:0', 'u:1']) {
    engine.databases[0].sets.forEach(Slice.of(key), (member) => present.add(`${key} ${member.latin1()}`));
  }
  for (const call of history.calls) {
    if (call.family !== 'uniques') continue;
    const [[, key, member]] = call.commands;
    const here = present.delete(`${key} ${member}`);
    if (call.txns.length > 0 && survived(call) && !here)
      violated('I4', `${member} is not in ${key}: ${describe(call)}`);
    if (call.txns.length === 0 && here) violated('I4', `${member} is in ${key}, and its call did nothing`);
  }
  if (present.size > 0) violated('I4', `nobody added ${[...present].slice(0, 5).join(', ')}`);
}

function describe(call: Call): string {
  const dots = call.txns.map(({ replica, number }) => `${replica}:${number}`).join(' ');
  return `${call.client} at ${Math.round(call.sentMs)} ms: ${call.commands.map((words) => words.join(' ').slice(0, 60)).join('; ')} [${dots}]`;
}
