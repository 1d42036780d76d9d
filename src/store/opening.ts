/**
 * From a directory's name to an open, checked database and a replica id; or to one line that says why not.
 */
import { constants } from 'node:fs';
import { access, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReplicaId } from '../core/contract.ts';
import { createEngine, MalformedError } from '../core/index.ts';
import { readBatches } from './commit-queue.ts';
import { type Disk, LevelDisk } from './disk.ts';
import { ChecksumError, LOG_RANGE, open, STATE_RANGE, VersionError } from './encoding.ts';
import { corrupt, explainOpening, StoreError } from './errors.ts';
import { isSamePlace, newReplicaId, takeMarker, writeMarker, writePlace } from './incarnation.ts';
import type { StoreOptions } from './index.ts';
import { readCheckpoint, readReplicaTable } from './metadata.ts';
import { lastNumberOf, recover } from './recovery.ts';

/** What is wrong when CommitQueue.begin() says 'damaged'. */
export const MISSING_BATCH = 'a synced batch is missing';

export interface OpenParts {
  readonly disk: Disk;
  readonly replica: ReplicaId;
  readonly continues: boolean;
  /** What is here was written elsewhere, for all that can be told: whoever did may go on. */
  readonly isCopy: boolean;
  /** From now on it is none; null if that was said before. */
  readonly settle: (() => Promise<void>) | null;
  /** The last act of a clean shutdown: the next start may go on under this id. `number`: its last txn. */
  leaveMarker(replica: ReplicaId, number: number): Promise<void>;
}

export async function openParts(options: StoreOptions): Promise<OpenParts> {
  const { directory } = options;
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    const path = join(directory, 'store');
    if (options.repair === true) await moveAsideIfDamaged(path, options);
    const disk = new LevelDisk(path);
    await disk.open();
    try {
      const last = await takeMarker(directory, (replica) => lastNumberOf(disk, replica));
      const isSame = await isSamePlace(directory);
      return {
        disk,
        replica: last ?? newReplicaId(),
        continues: last !== null,
        isCopy: last === null && !isSame,
        settle: isSame ? null : () => writePlace(directory),
        leaveMarker: (replica, number) => writeMarker(directory, replica, number),
      };
    } catch (error) {
      await disk.close();
      throw error;
    }
  } catch (error) {
    throw explainLoading(error, directory);
  }
}

/** What openParts() and load() reject with. */
export function explainLoading(error: unknown, directory: string): StoreError {
  if (error instanceof ChecksumError || error instanceof MalformedError)
    return corrupt(directory, error.message, error);
  if (error instanceof VersionError) {
    return new StoreError(
      'FORMAT',
      `The store in ${directory} was written by another version of Starling (${error.message}). Start that version, or this one with --repair to move it aside and refill from the peers.`,
      error,
    );
  }
  return explainOpening(error, directory);
}

/** Keeps the damaged files: somebody may want to look at them. */
async function moveAsideIfDamaged(path: string, options: StoreOptions): Promise<void> {
  const damage = await findDamage(path);
  if (damage === null) {
    options.notice?.('info', `The store in ${options.directory} is sound, there was nothing to repair.`);
    return;
  }
  const aside = `${path}.broken-${new Date().toISOString().replace(/[:.]/g, '-')}`;
  await rename(path, aside);
  options.notice?.('warning', `The store was damaged (${damage}), moved it to ${aside} and begin an empty one.`);
}

/** Reads everything, as a start does. Null if all of it is as it was written. Throws if another process holds the store. */
async function findDamage(path: string): Promise<string | null> {
  const disk = new LevelDisk(path);
  try {
    await disk.open();
    for (const range of [STATE_RANGE, LOG_RANGE]) {
      for await (const [key, sealed] of disk.entries(range)) open(key, sealed);
    }
    await readCheckpoint(disk);
    await readReplicaTable(disk);
    if ((await readBatches(disk)).wholeness === 'damaged') return MISSING_BATCH;
    // what is whole may make no sense all the same: a start would end there
    await recover(disk, createEngine({ replica: newReplicaId(), hashSeed: 0 }), false);
    return null;
  } catch (error) {
    const explained = explainLoading(error, path);
    if (explained.code !== 'CORRUPT' && explained.code !== 'FORMAT') throw explained;
    return rootMessage(error);
  } finally {
    await disk.close();
  }
}

function rootMessage(error: unknown): string {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof Error ? current.message : String(current);
}
