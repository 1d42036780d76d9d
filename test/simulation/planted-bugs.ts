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
    file: 'src/core/pending-tallies.ts',
    find: 'if (stable === null) return this.takeAll();',
    replace: 'if (stable === null || stable.length >= 0) return this.takeAll();',
  },
  {
    name: 'stability: what one member lacks counts as known to all',
    file: 'src/mesh/common-ground.ts',
    find: 'if (number < reach.number) {',
    replace: 'if (number > reach.number) {',
  },
  {
    name: 'stability: a node with members takes itself to be alone',
    file: 'src/mesh/members.ts',
    find: 'if (this.byPeer.size === 0) {\n      if (nowMs',
    replace: 'if (this.byPeer.size < 100) {\n      if (nowMs',
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
    find: 'this.mergeAbsent(absent, mine, replicas.contextOf(claimed), deadlinePass);',
    replace: '',
  },
  {
    name: 'state transfer: what was merged is not in the vector',
    file: 'src/core/transfer.ts',
    find: 'if (entry.number > replicas.numbers[index]) replicas.advance(index, entry.number, entry.stamp);',
    replace: '',
  },
  {
    name: 'state transfer: what the sender got meanwhile is left out',
    file: 'src/core/engine.ts',
    find: 'for (const bytes of tail) {',
    replace: 'for (const bytes of tail.slice(tail.length)) {',
  },
  {
    name: 'comparison: what came here since a key compared equal counts as compared',
    file: 'src/core/transfer.ts',
    find: 'this.records.cellUntil(name, since), theirs);',
    replace: 'since.length === 0 ? { siblings: [], tallies: [] } : this.records.cellUntil(name, mine), theirs);',
  },
  {
    name: 'interrupted transfer: kept records are used though the digest differs',
    file: 'src/core/kept-pages.ts',
    find: 'listed.get(name) === digest && !names.has(name)',
    replace: 'listed.get(name) !== "" && listed.has(name) && !names.has(name)',
  },
  {
    name: 'interrupted transfer: kept records are merged with our own vector',
    file: 'src/core/transfer.ts',
    find: '({ ...checkPage(bytes, this.records), vector: claimed }));',
    replace: '({ ...checkPage(bytes, this.records), vector: this.state.replicas.vector() }));',
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
    name: 'sketches: of concurrent ones only the latest shows',
    file: 'src/commands/hyperloglog/siblings.ts',
    find: 'if (values.length < 2) return false;',
    replace: 'if (values.length < 99) return false;',
  },
  {
    name: 'folding: what is folded forgets what the store has not seen',
    file: 'src/core/folding.ts',
    find: '((flags & FLAG_DIRTY) !== 0 ? HEAD_DIRTY : 0) |',
    replace: '((flags & FLAG_DIRTY) !== 0 ? 0 : 0) |',
  },
  {
    name: 'changes: what the store has seen goes as if it had not',
    file: 'src/core/records.ts',
    find: 'const SEEN = FLAG_DIRTY | FLAG_NEW;',
    replace: 'const SEEN = FLAG_DIRTY & ~FLAG_NEW;',
  },
  {
    name: 'checkpoint: its vector is taken at its end',
    file: 'src/store/checkpoint.ts',
    find: 'await queue.commit([writeCheckpoint({ vector, atMs, segments, retirements, ...merge })], true);',
    replace:
      'await queue.commit([writeCheckpoint({ vector: engine.vector(), atMs, segments, retirements, ...merge })], true);',
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
    name: 'time to live: of several the shortest counts',
    file: 'src/core/deadlines.ts',
    find: 'if (governs(deadline, replica, stamp)) hideAt = Math.max(hideAt, deadline.deadline);',
    replace:
      'if (governs(deadline, replica, stamp)) hideAt = hideAt < 0 ? deadline.deadline : Math.min(hideAt, deadline.deadline);',
  },
  {
    name: 'time to live: PERSIST loses against any other',
    file: 'src/core/deadlines.ts',
    find: 'if (governs(deadline, replica, stamp)) hideAt = Math.max(hideAt, deadline.deadline);',
    replace:
      'if (governs(deadline, replica, stamp) && (hideAt < 0 || Number.isFinite(deadline.deadline))) hideAt = Number.isFinite(hideAt) ? Math.max(hideAt, deadline.deadline) : deadline.deadline;',
  },
  {
    name: 'time to live: it governs what it has not observed',
    file: 'src/core/deadlines.ts',
    find: 'for (let i = 0; i < scope.length; i += 2) if (scope[i] === replica) return stamp <= scope[i + 1];',
    replace: 'for (let i = 0; i < scope.length; i += 2) if (scope[i] === replica || stamp > 0) return true;',
  },
  {
    name: 'time to live: KEEPTTL forgets it',
    file: 'src/core/database.ts',
    find: 'return Number.isFinite(hideAt) ? hideAt : NO_DEADLINE;\n  }\n}',
    replace: 'return Number.isFinite(hideAt) && hideAt < 0 ? hideAt : NO_DEADLINE;\n  }\n}',
  },
  {
    name: 'time to live: a write to an expired key keeps what it was',
    file: 'src/core/database.ts',
    find: '      this.expire(key);\n      return -1;\n    }\n    if ((flags & GUARDED) !== 0) return this.findGuarded(key, at, flags, true);',
    replace: '      return at;\n    }\n    if ((flags & GUARDED) !== 0) return this.findGuarded(key, at, flags, true);',
  },
  {
    name: 'time to live: what is added to a key with one has none',
    file: 'src/core/database.ts',
    find: 'if (Number.isFinite(hideAt)) this.writeDeadline(key, hideAt);',
    replace: 'if (hideAt < 0) this.writeDeadline(key, hideAt);',
  },
  {
    name: 'sorted sets: the removal of a key does not name the additions that it cancels',
    file: 'src/core/element-writes.ts',
    find: 'COUNTING: readonly ElementKind[] = [HASH_FIELD, ZSET_MEMBER, STREAM_ELEMENT];',
    replace: 'COUNTING: readonly ElementKind[] = [HASH_FIELD, STREAM_ELEMENT];',
  },
  {
    name: 'sorted sets: the order keeps members that have another score now',
    file: 'src/core/types/member-order.ts',
    find: 'if (isIn && !this.built.remove(score, reference)) this.forget();',
    replace: 'if (isIn && score > 0) this.built.remove(score, reference);',
  },
  {
    name: 'lists: an insert behind another insert stands ahead of it',
    file: 'src/core/types/position.ts',
    find: ": { low: next.digits, high: null, near: 'low' };",
    replace: ": { low: null, high: next.digits, near: 'high' };",
  },
  {
    name: 'lists: the order keeps elements where they were before they got another value',
    file: 'src/core/types/list-order.ts',
    find: 'if (this.built !== null && this.isIn(reference) && !this.built.remove(reference)) this.forget();',
    replace: 'if (this.built !== null && this.isIn(reference) && this.built.size < 3) this.built.remove(reference);',
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
    find: 'for (const { stamp } of vectorOf(openPage(bytes))) latest = Math.max(latest, stamp);',
    replace: 'openPage(bytes);',
    // records are looked at as well
    also: { find: 'latest > STAMP_MAX || quarantine.excessOf(latest, now) > 0', replace: 'latest > STAMP_MAX' },
  },
  {
    name: 'retirement: the context of an envelope is taken for whole',
    file: DELIVERY,
    find: 'state.retirements.imply(context);',
    replace: '',
  },
  {
    name: 'retirement: peers’ vectors are taken for whole',
    file: 'src/core/retirement.ts',
    find: 'if (this.facts.length === 0) return vector;\n    const entries',
    replace: 'if (this.facts.length >= 0) return vector;\n    const entries',
  },
  {
    name: 'retirement: not told with a state transfer, nor to peers',
    file: 'src/core/engine.ts',
    find: 'return this.state.retirements.all;',
    replace: 'return [];',
    also: { find: 'this.state.retirements.learn(retirements);\n  }\n\n  retireFormer', replace: '}\n\n  retireFormer' },
  },
  {
    name: 'retirement: former ids never go',
    file: 'src/mesh/index.ts',
    find: 'this.members_.retireFormer(Date.now());',
    replace: '',
  },
  {
    name: 'forgetting: a forgotten node goes on under its old replica id',
    file: 'src/mesh/acquaintance.ts',
    find: 'if (notes.some(({ replicas }) => replicas.includes(engine.replica))) {',
    replace: 'if (notes.length < 0) {',
    also: { find: 'if (members.isFenced(replica)) {', replace: "if (members.isFenced(replica) && replica === '') {" },
  },
  {
    name: 'forgetting: the others are not told',
    file: 'src/mesh/forgotten-frames.ts',
    find: 'if (notes.length === 0) return {};',
    replace: 'if (notes.length >= 0) return {};',
  },
  {
    name: 'stability: cancelled counters are kept for nobody who may have added to them, forgotten or not',
    file: 'src/mesh/members.ts',
    find: 'new Set([...lacking, ...this.missing(), ...this.strangers()])',
    replace: 'new Set(lacking.size < 0 ? this.strangers() : [])',
  },
  {
    name: 'log: it is cut beyond what the checkpoint covers',
    file: 'src/store/log.ts',
    find: 'const range = await this.upTo(replica, number);',
    replace: 'const range = await this.upTo(replica, number + 1e9);',
  },
  {
    name: 'self-check: it finds nothing',
    file: 'src/core/self-check.ts',
    find: 'return unsound[slot] !== 0 || a[slot] !== digestA[slot] || b[slot] !== digestB[slot];',
    replace: 'return unsound[slot] > 1 || a[slot] + b[slot] + digestA[slot] + digestB[slot] === 0.5;',
  },
  {
    name: 'streams: a group passes over what arrives late',
    file: 'src/core/types/stream-groups.ts',
    find: "const mark = orderOf(part).idOf(group.marks.get(author.toString('latin1')) ?? 0);",
    replace: 'const mark = author.length > 0 ? lastDelivered(part, group) : start;',
  },
  {
    name: 'streams: a trim removes what it has not observed',
    file: 'src/core/stream-effects.ts',
    find: 'if (at >= 0) part.clearAt(at, NO_CANCELS);',
    replace:
      'const { state } = part;\n    const full = state.context;\n    state.context = null;\n    if (at >= 0) part.clearAt(at, NO_CANCELS);\n    state.context = full;\n    if (at >= 0) continue;',
    also: { find: 'else part.state.noteDamage', replace: 'part.state.noteDamage' },
  },
  {
    name: 'streams: of what is pending the index keeps for whom it was before',
    file: 'src/core/types/stream-order.ts',
    find: 'if (this.built !== null && !this.built.takeOut(reference, this.consumerOf)) this.forget();',
    replace: '',
  },
  {
    name: 'streams: of two last ids the one that was read last counts',
    file: 'src/core/types/stream-order.ts',
    find: 'if (compareStreamIds(id, greatest) > 0) greatest = id;',
    replace: 'greatest = id;',
  },
  {
    name: 'repair: a copy that is damaged is given, and taken',
    file: 'src/core/mending.ts',
    find: 'const given = bitmapOf(slotsOf(slots).filter((slot) => !this.state.damaged.has(slot)));',
    replace: 'const given = slots;',
  },
  {
    name: 'repair: damaged data is joined with the copy, as if it were sound',
    file: 'src/core/mending.ts',
    find: 'const damaged = state.damaged.has(each.slot);',
    replace: 'const damaged = state.damaged.has(each.slot) && state.now < 0;',
  },
  {
    name: 'repair: the alarm is rung, and nobody is asked',
    file: 'src/mesh/repair.ts',
    find: 'if (link !== undefined) this.mendDamage(link).catch(this.failed);',
    replace: '',
  },
  {
    name: 'repair: what was mended stays marked as damaged data',
    file: 'src/core/self-check.ts',
    find: 'state.damaged.delete(slot);',
    replace: '',
  },
];
