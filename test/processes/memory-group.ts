/**
 * A limit on the memory of a process that the system enforces: a control group, of the first or second version. A
 * process that goes over it is killed by the kernel. Needs root.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FIRST = '/sys/fs/cgroup/memory';
const SECOND = '/sys/fs/cgroup';

export class MemoryGroup {
  /** What to put before a command for it to run within the limit. */
  readonly prefix: readonly string[];
  private readonly path: string;

  private constructor(path: string) {
    this.path = path;
    this.prefix = ['sh', '-c', `echo $$ > ${join(path, 'cgroup.procs')} && exec "$@"`, 'sh'];
  }

  /** Null, or why there are none here. */
  static obstacle(): string | null {
    if (process.getuid?.() !== 0) return 'needs root';
    try {
      MemoryGroup.make(2 ** 30).remove();
      return null;
    } catch (error) {
      return `needs control groups (${error instanceof Error ? error.message : error})`;
    }
  }

  static make(bytes: number): MemoryGroup {
    const isFirst = existsSync(join(FIRST, 'memory.limit_in_bytes'));
    const path = join(isFirst ? FIRST : SECOND, `starling-test-${process.pid}-${serial++}`);
    if (!isFirst) writeFileSync(join(SECOND, 'cgroup.subtree_control'), '+memory');
    mkdirSync(path);
    const group = new MemoryGroup(path);
    try {
      writeFileSync(join(path, isFirst ? 'memory.limit_in_bytes' : 'memory.max'), `${bytes}`);
    } catch (error) {
      group.remove();
      throw error;
    }
    groups.add(group);
    return group;
  }

  /** How many processes the kernel has killed for going over the limit. */
  get kills(): number {
    const name = ['memory.oom_control', 'memory.events'].find((each) => existsSync(join(this.path, each)));
    const text = name === undefined ? '' : readFileSync(join(this.path, name), 'utf8');
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  /** Its processes must have ended. */
  remove(): void {
    groups.delete(this);
    rmdirSync(this.path);
  }
}

let serial = 0;
const groups = new Set<MemoryGroup>();
// after the processes in them, whose end is begun by whoever registered before
process.on('exit', () => {
  for (const group of groups) {
    try {
      group.remove();
    } catch (error) {
      console.error(`a control group is left: ${error}`);
    }
  }
});
