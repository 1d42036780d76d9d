/**
 * Programs of others as processes of a test: they read what they are given, and are asked what they print. All that were
 * started are killed when the test process ends, however it ends.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { eventually, sleep } from '../processes/node-process.ts';

export interface ProgramOptions {
  /** All of its standard input; without it the program finds the end at once. */
  readonly input?: string | Buffer;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Result {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

const RUN_MS_MAX = 30_000;

const live = new Set<ChildProcess>();
process.on('exit', killPrograms);

/** Kills all that are running: after each test, or one that failed would keep the test process from ending. */
export function killPrograms(): void {
  for (const child of live) child.kill('SIGKILL');
}

/** How much of what it has printed an error shows. */
const SHOWN_MAX = 2000;

export class Program {
  output = '';
  errors = '';
  private readonly name: string;
  private readonly child: ChildProcess;
  private readonly closed: Promise<number | null>;

  constructor(name: string, words: readonly (string | number)[], { input, environment }: ProgramOptions = {}) {
    this.name = name;
    const env = { ...process.env, ...environment };
    const child = spawn(name, words.map(String), { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.child = child;
    live.add(child);
    child.stdout.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    child.stdin.on('error', (error) => {
      this.errors += `standard input: ${error.message}\n`;
    });
    child.stdin.end(input ?? '');
    this.closed = new Promise((resolve) => {
      child.once('error', (error) => {
        this.errors += error.message;
        live.delete(child);
        resolve(null);
      });
      child.once('close', (code) => {
        live.delete(child);
        resolve(code);
      });
    });
  }

  /** Waits until it has printed that, on either of its outputs. */
  async says(pattern: RegExp, timeoutMs = RUN_MS_MAX): Promise<void> {
    await eventually(
      `${this.name} prints ${pattern}`,
      async () => ({ found: pattern.test(this.output + this.errors), shown: this.shown() }),
      ({ found }) => found,
      timeoutMs,
    );
  }

  /** Waits for its end; one that takes too long is killed, and what it had printed is in the error. */
  async ended(timeoutMs = RUN_MS_MAX): Promise<Result> {
    const late = new AbortController();
    const code = await Promise.race([this.closed, sleepUnless(timeoutMs, late.signal)]);
    late.abort();
    if (code === 'late') {
      await this.stop('SIGKILL');
      throw new Error(`${this.name}: still running after ${timeoutMs / 1000} s\n${this.shown()}`);
    }
    return { code, output: this.output, errors: this.errors };
  }

  async stop(signal: NodeJS.Signals): Promise<Result> {
    this.child.kill(signal);
    return { code: await this.closed, output: this.output, errors: this.errors };
  }

  private shown(): string {
    return (this.output + this.errors).slice(-SHOWN_MAX);
  }
}

/** Runs one to its end. */
export function run(name: string, words: readonly (string | number)[], options?: ProgramOptions): Promise<Result> {
  return new Program(name, words, options).ended();
}

/** A Python that has these modules: the one on the path, or that of the system, to which packages of Debian belong. */
export function pythonWith(...modules: readonly string[]): { python: string; obstacle: string | null } {
  for (const python of ['python3', '/usr/bin/python3']) {
    const { status } = spawnSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' });
    if (status === 0) return { python, obstacle: null };
  }
  return { python: 'python3', obstacle: `needs ${modules.map((name) => `python3-${name}`).join(', ')}` };
}

async function sleepUnless(ms: number, signal: AbortSignal): Promise<'late'> {
  const end = Date.now() + ms;
  while (!signal.aborted && Date.now() < end) await sleep(20);
  return 'late';
}
