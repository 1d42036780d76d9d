/**
 * Which replica id a start may use. (replica, number) must name one txn for ever, so a start continues the last
 * id only if it can prove that nothing was lost or copied in between; every other start takes a new random one.
 *
 * The proof is a marker file that a clean shutdown writes last and a start takes away before it writes anything.
 * It names the machine, the boot, and the marker's own inode, so neither a copy of the directory, nor a restored
 * backup or disk image has a valid one; and the last txn number, so neither has a directory that lost its tail.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReplicaId } from '../core/contract.ts';
import { syncPath } from './disk.ts';

const MARKER = 'clean-shutdown.json';

interface Marker {
  replica: ReplicaId;
  number: number;
  machine: string;
  boot: string;
  inode: string;
  device: string;
}

export function newReplicaId(): ReplicaId {
  return randomBytes(8).toString('hex');
}

/** Written last at a clean shutdown, when everything else is on disk. `number`: the last txn of `replica`. */
export async function writeMarker(directory: string, replica: ReplicaId, number: number): Promise<void> {
  const path = join(directory, MARKER);
  const draft = `${path}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    const { ino, dev } = await file.stat({ bigint: true });
    const marker: Marker = { replica, number, ...(await whereWeRun()), inode: `${ino}`, device: `${dev}` };
    await file.writeFile(JSON.stringify(marker));
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
  const marker = await readMarker(path);
  await rm(path, { force: true });
  await rm(`${path}.new`, { force: true });
  await syncPath(directory);
  if (marker === null) return null;
  return (await lastNumber(marker.replica)) === marker.number ? marker.replica : null;
}

/** Null unless it is there, whole, and was written here in this very place. */
async function readMarker(path: string): Promise<Marker | null> {
  let text: string;
  let inode: string;
  let device: string;
  try {
    text = await readFile(path, 'utf8');
    const status = await stat(path, { bigint: true });
    inode = `${status.ino}`;
    device = `${status.dev}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const marker = parseMarker(text);
  if (marker === null) return null;
  const here = await whereWeRun();
  const same =
    marker.machine === here.machine && marker.boot === here.boot && marker.inode === inode && marker.device === device;
  return same ? marker : null;
}

function parseMarker(text: string): Marker | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // A torn marker proves nothing.
    return null;
  }
  if (typeof parsed !== 'object' || parsed === null) return null;
  const { replica, number, machine, boot, inode, device } = parsed as Record<string, unknown>;
  if (typeof replica !== 'string' || !/^[0-9a-f]{16}$/.test(replica)) return null;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) return null;
  if (typeof machine !== 'string' || typeof boot !== 'string') return null;
  if (typeof inode !== 'string' || typeof device !== 'string') return null;
  return { replica, number, machine, boot, inode, device };
}

async function whereWeRun(): Promise<{ machine: string; boot: string }> {
  return { machine: await lineOf('/etc/machine-id'), boot: await lineOf('/proc/sys/kernel/random/boot_id') };
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
