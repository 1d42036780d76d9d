/**
 * Every seed that ever failed, and what it found. A change of what seeds draw gives them another meaning; they are
 * replayed all the same.
 */
export interface KeptSeed {
  readonly seed: number;
  readonly found: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 65,
    found: 'envelopes that can never be applied, since their author lost what is before them, waited for ever',
  },
  { seed: 116, found: 'the same, without a restored backup' },
  { seed: 79, found: 'cancelled counters that came from a disk were not collected before the next own write' },
  { seed: 99, found: 'cancelled counters that came by state transfer were not collected before the next own write' },
  {
    seed: 856,
    found:
      'a cancelled counter was collected while additions to it were on their way; a state from before the cancellation then brought the whole sum back',
  },
  {
    seed: 100059,
    found:
      'while a node read its log at the start it took itself to be alone, and dropped cancelled counters that others still added to',
  },
  { seed: 158, found: 'MULTI of an increment, a deletion and an increment left nothing (by the oracle)' },
  {
    seed: 29,
    found: 'reading a key ended in an endless recursion: a cancelled counter under it had expired, another value not',
  },
  {
    seed: 200242,
    found: 'a machine that had left was counted on: forgotten under an earlier replica id than others knew it by',
  },
  { seed: 200196, found: 'two nodes that had forgotten each other, and never met again' },
  {
    seed: 458565184960,
    found:
      'a cancelled counter was collected by a node that knew its author by its txns alone, not as a member; the author added more, and got the old sum back by state transfer',
  },
  {
    seed: 458565185022,
    found: 'in the simulator: a write that a stopped process had not written was not excused when it was killed',
  },
  { seed: 924, found: 'the same as 200242' },
  { seed: 946, found: 'in the simulator: what a damaged node had sent before it knew was taken for divergence' },
  { seed: 36, found: 'the same, and mending took longer than allowed where peers had to be dialled first' },
  { seed: 45, found: 'the same' },
  { seed: 1230, found: 'in the simulator: a node was compared with the oracle at a time before it was stopped' },
  {
    seed: 777604,
    found:
      'half a connection, of which its other end knew nothing after a crash, stood in the way of a new one for ever',
  },
  {
    seed: 20261133556,
    found:
      'a node on a copy of a directory took itself to be alone, and dropped a cancelled counter to which the original still added: the whole sum came back',
  },
  {
    seed: 372288069872,
    found:
      'in the simulator: nobody told those anew who listed one that had left under an id that MESH FORGET had not named',
  },
  {
    seed: 20261207197,
    found:
      'in the simulator: a write was not excused that only one machine had from another that had left, when it left too',
  },
  {
    seed: 20261321527,
    found:
      'a write was acknowledged as durable while what it rested on, which had come by state transfer, was in memory only: after a power cut it waited in the log for txns that nobody had any more',
  },
  {
    seed: 20261427935,
    found:
      'in the simulator: a node was compared by its vector that had gone down while it wrote a merged state, and had records on disk that are later',
  },
  {
    seed: 732953629943,
    found:
      'in the oracle: an add that a node repeated while it was alone, and did not write, counted against a removal that had seen the first one',
  },
  {
    seed: 354924186759,
    found: 'in the simulator: nodes were compared at the end while one of them was just ahead of the others',
  },
  {
    seed: 20270040807,
    found:
      'in the simulator: a write was not excused that, when its machine left, only one had whose clock was wrong, for which nobody waits',
  },
  {
    seed: 20270045175,
    found:
      'in the simulator: a byte flipped on one machine, and before that was mended the other, which had the only sound copy, was put back to a backup from before it',
  },
  {
    seed: 20280000584,
    found:
      'a power cut took an unsynced batch of the log and left a later one with records of a checkpoint: a node showed what it did not know of',
  },
  {
    seed: 20290000053,
    found:
      'in the simulator: the oracle added to a number that APPEND had made as doubles are added, 1.57 and 0.5, and not exactly',
  },
  {
    seed: 20290023848,
    found:
      'in the simulator: after all had converged, txns were applied that had waited on some nodes; the end was checked before the last node had them',
  },
  {
    seed: 20290031009,
    found:
      'in the simulator: of two copies of streams onto one key at the same time the later one was of a stream that had had no entry; the oracle did not count that',
  },
  {
    seed: 20300001230,
    found:
      'notes of forgotten members grew younger each time they were passed on, so that they ended every return of their node, until all told each other of ever new replica ids without end and nothing else came through',
  },
  {
    seed: 20310024203,
    found:
      'a node that was killed while it wrote a state that it had merged came back with data ahead of its vector, and another digest than one with the same vector',
  },
  {
    seed: 20310033535,
    found:
      'the same after a power cut: what the node then popped, going by what it showed, was beyond its vector and stayed for the others',
  },
  {
    seed: 20330035254,
    found:
      'in the simulator: what another node had applied, and had not on its disk, which was full, was taken for kept when its author left for ever',
  },
  {
    seed: 20340018949,
    found:
      'of an entry that was claimed on two nodes at once the later claim had expired, and with it its consumer; the entry still showed as pending for that one',
  },
  ...[20380024233, 20380046309].map((seed) => ({
    seed,
    found:
      'the tail of a state transfer hid from the store that the log does not lead to the state: records were written where only a whole merge may be, and a power cut in the midst of it left data that no vector covered',
  })),
  {
    seed: 20380005469,
    found: 'an XDEL that notes the id left what hid under the key in another type, unlike any other write to a stream',
  },
  ...[20380006907, 20380015142, 20380031742].map((seed) => ({
    seed,
    found:
      'of sketches beside a value that is none only the latest counted; and the oracle took a PFADD that adds nothing for a write there',
  })),
  {
    seed: 20380016991,
    found:
      'in the simulator: a crash took what was not on the disk yet, the only sound copy of what was damaged elsewhere, and nobody was excused',
  },
  {
    seed: 20390012895,
    found:
      'a link that was dead, and not noticed by a node that had been stopped, was taken for a sign that a member that had been forgotten and was gone for ever had come back',
  },
  {
    seed: 20390021779,
    found:
      'in the simulator: of the members that a ZREM names only those counted that did not hide once others were gone',
  },
  {
    seed: 20400022342,
    found:
      'in the simulator: what was pushed onto a list that was there or not, by how far removals had come, was forgotten by the oracle at the next write if the list was not there by its own lights',
  },
  {
    seed: 1029073541723,
    found:
      'in the simulator: what was made of a set that was there or not, by how far removals had come, was in doubt, but not under a key that was new',
  },
  {
    seed: 20420000391,
    found:
      'in the simulator: a process that was stopped, and went on before its time since all was healed, got its timers at the end of the stop that it no longer had',
  },
  {
    seed: 20440028057,
    found:
      'in the simulator: by the oracle LSET wrote to a list that had ended with what hid under its key in another type',
  },
  {
    seed: 20440047188,
    found:
      'a vector that was long on its way on the topic gave a peer its former replica id back, in a mesh at rest for good: its txns were a stranger’s, for whom cancelled counters were kept',
  },
  {
    seed: 20440002563,
    found: 'in the simulator: who leaves for ever and had the only sound copy of a key leaves nobody who could mend it',
  },
  {
    seed: 20450006407,
    found: 'in the simulator: what one node still had a sound copy of was taken for damaged everywhere',
  },
];
