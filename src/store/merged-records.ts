/**
 * Records of a state that came from a peer. The log does not lead to them, so a crash while some of them are written would
 * leave data whose txns the vector does not cover: the node would show it and build on it, and could tell nobody what it is.
 * So they are written beside the state first; one write of the checkpoint makes all of them part of it, and then they are
 * moved, in as many batches as it takes. Whoever starts in between reads them in place of those that they replace.
 */
import type { CommitQueue } from './commit-queue.ts';
import type { Disk, Operation } from './disk.ts';
import {
  MERGED_RANGE,
  mergedKey,
  mergedRange,
  open,
  readMergedKey,
  readStateKey,
  STATE_RANGE,
  stateKey,
  value,
} from './encoding.ts';

/** Writes a record, or (without a value) takes it away, as part of a merge. */
export function writeMerged(merge: number, record: Uint8Array, content: Uint8Array): Operation {
  const key = mergedKey(merge, record);
  return { type: 'put', key, value: value(key, content) };
}

/** The same, as part of the state. */
export function writeRecord(record: Uint8Array, content: Uint8Array): Operation {
  const key = stateKey(record);
  return content.length === 0 ? { type: 'del', key } : { type: 'put', key, value: value(key, content) };
}

/** Moves all records of a merge that counts into the state. On the platter when it resolves. */
export async function moveMerged(disk: Disk, queue: CommitQueue, merge: number): Promise<void> {
  for await (const page of disk.pages(mergedRange(merge))) {
    const operations = page.flatMap(([key, sealed]): Operation[] => [
      writeRecord(readMergedKey(key), open(key, sealed)),
      { type: 'del', key },
    ]);
    await queue.commit(operations, false);
  }
  await queue.commit([], true);
}

/** What is left of merges that came to nothing. */
export async function discardMerged(disk: Disk): Promise<void> {
  if ((await disk.firstKey(MERGED_RANGE)) !== undefined) await disk.discard(MERGED_RANGE);
}

type RecordPages = AsyncGenerator<[record: Buffer, content: Buffer][]>;

/** The records of the state in order, many at a time; those of a merge that counts in place of what they replace. */
export async function* recordPages(disk: Disk, merge: number | undefined): RecordPages {
  if (merge === undefined) {
    yield* statePages(disk);
    return;
  }
  const merged = entriesOf(disk.pages(mergedRange(merge)), readMergedKey);
  let next = (await merged.next()).value;
  for await (const page of statePages(disk)) {
    const joined: [Buffer, Buffer][] = [];
    for (const each of page) {
      let isReplaced = false;
      for (
        let order = next?.[0].compare(each[0]);
        next && order !== undefined && order <= 0;
        order = next?.[0].compare(each[0])
      ) {
        if (next[1].length > 0) joined.push(next);
        isReplaced ||= order === 0;
        next = (await merged.next()).value;
      }
      if (!isReplaced) joined.push(each);
    }
    yield joined;
  }
  for (; next; next = (await merged.next()).value) if (next[1].length > 0) yield [next];
}

async function* statePages(disk: Disk): RecordPages {
  for await (const page of disk.pages(STATE_RANGE)) {
    yield page.map(([key, sealed]) => [readStateKey(key), open(key, sealed)]);
  }
}

async function* entriesOf(
  pages: AsyncGenerator<[Buffer, Buffer][]>,
  recordOf: (key: Buffer) => Buffer,
): AsyncGenerator<[record: Buffer, content: Buffer], undefined> {
  for await (const page of pages) for (const [key, sealed] of page) yield [recordOf(key), open(key, sealed)];
  return undefined;
}
