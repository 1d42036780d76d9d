/**
 * Bugs to plant in a copy of the source, one at a time: each must make the simulator fail. They measure the simulator,
 * not the product. A plan names a file, a text that stands there exactly once, and what takes its place.
 */
export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** A second place in the same file. */
  readonly also?: { readonly find: string; readonly replace: string };
}

const DELIVERY = 'src/core/delivery.ts';
const CELL = 'src/core/cell.ts';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'causal delivery: a txn does not wait for its context',
    file: DELIVERY,
    find: 'return index !== undefined && replicas.numbers[index] >= entry.number;',
    replace: 'return index === undefined || index !== undefined;',
  },
  {
    name: 'causal delivery: a gap before an envelope is not noticed',
    file: DELIVERY,
    find: 'if (contents.first > this.appliedOf(contents.replica) + 1) return false;',
    replace: '',
  },
  {
    name: 'duplicates: a txn that came before is applied again',
    file: DELIVERY,
    find: 'if (number <= known) {',
    replace: 'if (number < 0) {',
    also: { find: "if (this.isKnown(contents)) return { kind: 'duplicate' };", replace: '' },
  },
  {
    name: 'version vector off by one: the last txn of an envelope counts as known',
    file: DELIVERY,
    find: 'return contents.first + contents.count - 1 <= this.appliedOf(contents.replica);',
    replace: 'return contents.first + contents.count - 2 <= this.appliedOf(contents.replica);',
  },
  {
    name: 'version vector off by one: it says one txn more than was applied',
    file: DELIVERY,
    find: 'replicas.advance(origin, number, stamp);',
    replace: 'replicas.advance(origin, number + 1, stamp);',
  },
  {
    name: 'envelopes: one number is used by two txns',
    file: 'src/core/local-txn.ts',
    find: 'this.first = replicas.numbers[state.self] + 1;',
    replace: 'this.first = Math.max(1, replicas.numbers[state.self]);',
  },
  {
    name: 'context: an envelope is not sealed before a txn that has seen more',
    file: 'src/core/local-txn.ts',
    find: 'if (this.count > 0 && this.contextVersion !== state.foreignTxns) this.seal();',
    replace: '',
  },
  {
    name: 'clock: it goes back with the wall clock',
    file: 'src/core/clock.ts',
    find: 'this.last = wall > this.last ? wall : this.last + 1;',
    replace: 'this.last = wall;',
  },
  {
    name: 'tie-break: equal stamps are ordered by who was met first',
    file: 'src/core/version.ts',
    find: 'return this.ids[replicaA] > this.ids[replicaB];',
    replace: 'return replicaA > replicaB;',
  },
  {
    name: 'removal: a write removes what it has not observed',
    file: CELL,
    find: 'cell.siblings = cell.siblings.filter((sibling) => !covers(context, sibling.replica, sibling.stamp));',
    replace: 'cell.siblings = [];',
  },
  {
    name: 'counters: what a write cancels is not told to others',
    file: CELL,
    find: 'return cell.tallies.filter(isLive).map(({ replica, frame, stamp, sum }) => ({ replica, frame, stamp, sum }));',
    replace: 'return [];',
  },
  {
    name: 'counters: an addition after a collected cancellation brings the old sum back',
    file: CELL,
    find: 'cancelStamp: stamp - 1, cancelSum: minus(sum, delta) };',
    replace: 'cancelStamp: 0, cancelSum: 0 };',
  },
  {
    name: 'counters: a cancelled one is collected before everybody knows',
    file: 'src/core/records.ts',
    find: 'if (stable !== null && (!isStable(item, stable) || lacking.has(state.replicas.ids[item.replica]))) break;',
    replace: '',
  },
  {
    name: 'stability: what one member lacks counts as known to all',
    file: 'src/mesh/members.ts',
    find: 'else if (theirs.number < entry.number) {',
    replace: 'else if (theirs.number > entry.number) {',
  },
  {
    name: 'stability: a node with members takes itself to be alone',
    file: 'src/mesh/members.ts',
    find: 'if (members.length === 0) {',
    replace: 'if (members.length < 100) {',
  },
  {
    name: 'merge: what the other has removed stays',
    file: CELL,
    find: '(sibling) => holds(theirs.siblings, sibling) || !covers(theirContext, sibling.replica, sibling.stamp),',
    replace: '() => true,',
  },
  {
    name: 'merge: what was removed here comes back',
    file: CELL,
    find: 'if (!holds(mine.siblings, sibling) && !covers(myContext, sibling.replica, sibling.stamp)) siblings.push(sibling);',
    replace: 'if (!holds(mine.siblings, sibling)) siblings.push(sibling);',
  },
  {
    name: 'merge: of two sums the smaller counts',
    file: CELL,
    find: 'const added = a.stamp >= b.stamp ? a : b;',
    replace: 'const added = a.stamp <= b.stamp ? a : b;',
  },
  {
    name: 'state transfer: what the sender does not name stays',
    file: 'src/core/transfer.ts',
    find: 'this.mergeAbsent(seen, mine, replicas.contextOf(pages[0].vector), deadlinePass);',
    replace: '',
  },
  {
    name: 'state transfer: what was merged is not in the vector',
    file: 'src/core/transfer.ts',
    find: 'if (entry.number > replicas.numbers[index]) replicas.advance(index, entry.number, entry.stamp);',
    replace: '',
  },
  {
    name: 'sync: what only others have is never pulled',
    file: 'src/mesh/catching-up.ts',
    find: 'if (replica === engine.replica) continue;',
    replace: 'if (replica !== "") continue;',
  },
  {
    name: 'sync: "my log does not reach back" is not answered with a request for the state',
    file: 'src/mesh/sync.ts',
    find: 'if (!this.paused) this.catchingUp.requestState(link);',
    replace: '',
  },
  {
    name: 'supervisor: a lost peer is never dialled again',
    file: 'src/mesh/supervisor.ts',
    find: 'if (target.dialling || now < target.nextMs || this.isConnected(target)) continue;',
    replace:
      'if (target.found !== null || target.dialling || now < target.nextMs || this.isConnected(target)) continue;',
  },
  {
    name: 'durability: acknowledged before it is on the disk',
    file: 'src/store/commit-queue.ts',
    find: 'if (this.failure !== null || this.stopped) {\n      callback(true);\n      return;\n    }',
    replace: 'callback(this.failure !== null);\n    if (this.failure === null || this.failure !== null) return;',
  },
  {
    name: 'durability: written, not synced',
    file: 'src/store/commit-queue.ts',
    find: "const syncs = batch.durable && this.policy === 'always';\n    try {\n      await this.disk.batch(operations, syncs);\n      if (batch.durable) {",
    replace:
      'try {\n      await this.disk.batch(operations, false);\n      if (batch.durable && this.batches < 0) {\n        const syncs = false;',
  },
  {
    name: 'recovery: the log after the checkpoint is not replayed',
    file: 'src/store/recovery.ts',
    find: 'await replay.run();',
    replace: '',
  },
  {
    name: 'checkpoint: its vector is taken at its end',
    file: 'src/store/checkpoint.ts',
    find: 'await queue.commit([writeCheckpoint({ vector, atMs, segments })], true);',
    replace: 'await queue.commit([writeCheckpoint({ vector: engine.vector(), atMs, segments })], true);',
  },
  {
    name: 'checkpoint: changed times to live are not written',
    file: 'src/core/deadlines.ts',
    find: 'this.spell(reference);\n    this.state.markDirty();',
    replace: 'this.spell(reference);',
  },
  {
    name: 'identity: a node goes on under its old replica id whatever its disk has lost',
    file: 'test/simulation/machine.ts',
    find: '(await this.takeMarker(disk)) ?? this.random.hex(16);',
    replace: '(await this.takeMarker(disk)) ?? (this.lastReplica ??= this.random.hex(16));',
  },
  {
    name: 'time to live: a new one removes those it has not observed',
    file: 'src/core/deadlines.ts',
    find: 'return list.filter((deadline) => !covers(context, deadline.replica, deadline.stamp));',
    replace: 'return list.length < 0 ? list : [];',
  },
  {
    name: 'digest: a time to live that goes stays counted',
    file: 'src/core/deadlines.ts',
    find: 'if (at >= 0) this.account(table.referenceAt(at), false);',
    replace: '',
  },
  {
    name: 'clock guard: txns from a year ahead are taken',
    file: 'src/core/delivery.ts',
    find: 'if (this.isTooEarly(contents, last)) {',
    replace: 'if (this.isTooEarly(contents, last) && this.state.now < 0) {',
  },
  {
    name: 'clock guard: a state transfer from a year ahead is taken',
    file: 'src/core/transfer.ts',
    find: 'for (const { stamp } of vectorOf(this.open(bytes))) latest = Math.max(latest, stamp);',
    replace: 'this.open(bytes);',
    // records are looked at as well
    also: { find: 'latest > STAMP_MAX || quarantine.excessOf(latest, now) > 0', replace: 'latest > STAMP_MAX' },
  },
];
