/**
 * Which replica id a start may use. (replica, number) must name one txn for ever, so a start continues the last
 * id only if it can prove that nothing was lost or copied in between; every other start takes a new random one.
 *
 * The proof is a marker file that a clean shutdown writes last and a start takes away before it writes anything.
 * It names the machine, the boot, and the marker's own inode, so neither a copy of the directory, nor a restored
 * backup or disk image has a valid one; and the last txn number, so neither has a directory that lost its tail.
 *
 * After a crash there is no such marker, and another question: has the last id ended, or does whoever has the original of
 * this directory go on under it? A second file, which stays, names the machine and its own inode. It is no more than a
 * hint (an image of the disk has it right too), and where it is wrong or missing the answer is that the id may go on.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReplicaId } from '../core/contract.ts';
import { syncPath } from './disk.ts';

const MARKER = 'clean-shutdown.json';
const PLACE = 'place.json';

/** Where a file was written that says so. */
interface Place {
  machine: string;
  inode: string;
  device: string;
}

interface Marker extends Place {
  replica: ReplicaId;
  number: number;
  boot: string;
}

export function newReplicaId(): ReplicaId {
  return randomBytes(8).toString('hex');
}

/** Written last at a clean shutdown, when everything else is on disk. `number`: the last txn of `replica`. */
export async function writeMarker(directory: string, replica: ReplicaId, number: number): Promise<void> {
  await writePlaced(directory, MARKER, { replica, number, boot: await lineOf('/proc/sys/kernel/random/boot_id') });
}

/** From now on what is here counts as written here. */
export async function writePlace(directory: string): Promise<void> {
  await writePlaced(directory, PLACE, {});
}

/** False of a copy; and of a directory that writePlace() has not been called for. */
export async function isSamePlace(directory: string): Promise<boolean> {
  return (await readPlaced(directory, PLACE)) !== null;
}

async function writePlaced(directory: string, name: string, content: object): Promise<void> {
  const path = join(directory, name);
  const draft = `${path}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    const { ino, dev } = await file.stat({ bigint: true });
    const place: Place = { machine: await machineId(), inode: `${ino}`, device: `${dev}` };
    await file.writeFile(JSON.stringify({ ...content, ...place }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncPath(directory);
}

/**
 * Takes the marker away and says what it proves: the replica id to go on with, or null. `lastNumber` tells the last
 * txn of a replica that the store holds.
 */
export async function takeMarker(
  directory: string,
  lastNumber: (replica: ReplicaId) => Promise<number>,
): Promise<ReplicaId | null> {
  const path = join(directory, MARKER);
  const marker = await readMarker(directory);
  await rm(path, { force: true });
  await rm(`${path}.new`, { force: true });
  await syncPath(directory);
  if (marker === null) return null;
  return (await lastNumber(marker.replica)) === marker.number ? marker.replica : null;
}

/** Null unless it is there, whole, and was written here in this very place, since the machine was started. */
async function readMarker(directory: string): Promise<Marker | null> {
  const content = await readPlaced(directory, MARKER);
  if (content === null) return null;
  const { replica, number, boot, machine, inode, device } = content;
  if (typeof replica !== 'string' || !/^[0-9a-f]{16}$/.test(replica)) return null;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) return null;
  if (boot !== (await lineOf('/proc/sys/kernel/random/boot_id'))) return null;
  return { replica, number, boot, machine, inode, device };
}

/** What writePlaced() has written; null where it is not there, not whole, or was written elsewhere. */
async function readPlaced(directory: string, name: string): Promise<(Place & Record<string, unknown>) | null> {
  const path = join(directory, name);
  let text: string;
  let here: Place;
  try {
    text = await readFile(path, 'utf8');
    const { ino, dev } = await stat(path, { bigint: true });
    here = { machine: await machineId(), inode: `${ino}`, device: `${dev}` };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const content = parseObject(text);
  if (content === null) return null;
  const { machine, inode, device } = content;
  const isHere = machine === here.machine && inode === here.inode && device === here.device;
  return isHere ? { ...content, ...here } : null;
}

function parseObject(text: string): Record<string, unknown> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // a torn file proves nothing
    return null;
  }
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : null;
}

function machineId(): Promise<string> {
  return lineOf('/etc/machine-id');
}

/** Empty where the system has no such file; then the other signs must do. */
async function lineOf(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}
