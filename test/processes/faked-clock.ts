/**
 * A wall clock of its own for one node, which jumps while the node runs: libfaketime, told by a file. Timers and whatever
 * else runs on the monotonic clock go on undisturbed, as when an administrator or NTP sets the time.
 */
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './node-process.ts';

const LIBRARIES = '/usr/lib';
const NAME = 'faketime/libfaketimeMT.so.1';

/** Debian has it in a folder that is named for the machine's architecture. */
function findLibrary(): string | null {
  if (!existsSync(LIBRARIES)) return null;
  const places = readdirSync(LIBRARIES).map((folder) => join(LIBRARIES, folder, NAME));
  return [join(LIBRARIES, NAME), ...places].find((path) => existsSync(path)) ?? null;
}

export function clockObstacle(): string | null {
  return findLibrary() === null ? 'needs libfaketime (Debian: apt-get install libfaketime)' : null;
}

export class FakedClock {
  /** What to put before the command that shall live by it. */
  readonly prefix: readonly string[];
  private readonly path = join(temporaryFolder(), 'offset');

  constructor() {
    const library = findLibrary();
    if (library === null) throw new Error('no libfaketime');
    this.set(0);
    this.prefix = [
      'env',
      `LD_PRELOAD=${library}`,
      `FAKETIME_TIMESTAMP_FILE=${this.path}`,
      'FAKETIME_NO_CACHE=1',
      'FAKETIME_DONT_FAKE_MONOTONIC=1',
    ];
  }

  /** From now on it is so far ahead of the machine's; negative: behind. */
  set(offsetSeconds: number): void {
    const next = `${this.path}.next`;
    writeFileSync(next, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}s\n`);
    renameSync(next, this.path);
  }
}
