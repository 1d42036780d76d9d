/**
 * An ext4 file system on a file, which can lose its power: it is shut down under its writers without flushing anything,
 * as if the plug had been pulled. Needs root, for a loop mount; and python3, since Node.js has no ioctl.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Waits for a line, then EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: nothing more reaches the disk, not even
 * the journal. It is ready beforehand, since only what was said before the cut is a promise: an fsync that the cut
 * overtakes may still answer that all is well, which a machine without power cannot.
 */
const SHUTDOWN = [
  'import fcntl, os, struct, sys',
  'place = os.open(sys.argv[1], os.O_RDONLY)',
  'print("ready", flush=True)',
  'sys.stdin.readline()',
  'fcntl.ioctl(place, 0x8004587d, struct.pack("I", 2))',
].join('\n');

export class LoopDisk {
  /** Where it is mounted. */
  readonly place: string;
  private image: string;
  private copies = 0;

  private constructor(image: string, place: string) {
    this.image = image;
    this.place = place;
  }

  /** Made under that folder; null where that cannot be done here. Unmounted when the process ends. */
  static make(folder: string): LoopDisk | null {
    const disk = new LoopDisk(join(folder, 'image'), join(folder, 'mount'));
    mkdirSync(disk.place);
    process.prependListener('exit', () => void spawnSync('umount', ['-l', disk.place]));
    const able =
      run('truncate', '-s', '192M', disk.image) &&
      run('mkfs.ext4', '-q', '-F', disk.image) &&
      disk.mount() &&
      run('python3', '--version');
    return able ? disk : null;
  }

  /** A hand at the plug: what it gives pulls it, and resolves when it is out. */
  async plug(): Promise<() => Promise<void>> {
    const child = spawn('python3', ['-c', SHUTDOWN, this.place], { stdio: ['pipe', 'pipe', 'inherit'] });
    const pulled = ended(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    return () => {
      child.stdin.end('pull\n');
      return pulled;
    };
  }

  /** The power is back; nobody may have files open any more. */
  restore(): void {
    if (!run('umount', this.place)) throw new Error(`umount ${this.place} failed`);
    if (this.isStillMounted()) this.moveToCopy();
    if (!this.mount()) throw new Error('the file system does not mount again');
  }

  /** A mount namespace that was made meanwhile (`ip netns exec` makes one) holds the mount, and so the dead file system. */
  private isStillMounted(): boolean {
    return spawnSync('losetup', ['-j', this.image], { encoding: 'utf8' }).stdout.trim() !== '';
  }

  /** What is on the platter, as another disk. */
  private moveToCopy(): void {
    const copy = `${this.image}.${++this.copies}`;
    copyFileSync(this.image, copy);
    rmSync(this.image);
    this.image = copy;
  }

  private mount(): boolean {
    return run('mount', '-o', 'loop', this.image, this.place);
  }
}

export function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

/** True if it ended with 0. */
function run(command: string, ...words: string[]): boolean {
  return spawnSync(command, words, { stdio: 'ignore' }).status === 0;
}
