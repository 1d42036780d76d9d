/**
 * The command `starling` as a user starts it, with its two outputs apart and its signals at hand. Data directory,
 * port and cluster are set so that tests do not meet; whatever still runs is killed when the test process ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { clusterName } from '../processes/cluster.ts';
import { eventually, freePort, temporaryFolder } from '../processes/node-process.ts';
import { programWords } from '../processes/program.ts';
import { RespClient } from '../processes/resp-client.ts';

const END_MS_MAX = 20_000;

const live = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of live) child.kill('SIGKILL');
});

export interface CliOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  readonly port?: number;
}

export class CliProcess {
  readonly port: number;
  readonly directory: string;
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;
  private readonly exited: Promise<number | null>;

  private constructor(argv: readonly string[], { environment = {} }: CliOptions, port: number, directory: string) {
    this.port = port;
    this.directory = directory;
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...environment };
    this.child = spawn(process.execPath, [...programWords(), ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    live.add(this.child);
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code) => {
        live.delete(this.child);
        resolve(code);
      });
    });
  }

  /** With nothing added to the command line: for what never comes to open a port. */
  static bare(argv: readonly string[], options: CliOptions = {}): CliProcess {
    return new CliProcess(argv, options, 0, '');
  }

  /** A node that is alone, on a port and directory of its own; `argv` may say otherwise. */
  static async launch(argv: readonly string[] = [], options: CliOptions = {}): Promise<CliProcess> {
    const port = options.port ?? (await freePort());
    const directory = options.directory ?? temporaryFolder();
    const own = ['--port', `${port}`, '--dir', directory, '--cluster', clusterName(), '--no-mdns'];
    const listen = argv.includes('--listen') ? [] : ['--listen', '/ip4/127.0.0.1/tcp/0'];
    return new CliProcess([...own, ...listen, ...argv], options, port, directory);
  }

  /** As launch, and waits until it says that it is ready. */
  static async start(argv: readonly string[] = [], options: CliOptions = {}): Promise<CliProcess> {
    const cli = await CliProcess.launch(argv, options);
    await cli.says('Ready to accept connections');
    return cli;
  }

  async says(text: string, timeoutMs?: number): Promise<void> {
    await eventually(
      `'${text}' on stdout`,
      async () => this.stdout + this.stderr,
      () => this.stdout.includes(text),
      timeoutMs,
    );
  }

  connect(): Promise<RespClient> {
    return RespClient.open(this.port);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Its exit code, null if a signal ended it. */
  async ended(): Promise<number | null> {
    const limit = setTimeout(() => this.child.kill('SIGKILL'), END_MS_MAX);
    const code = await this.exited;
    clearTimeout(limit);
    return code;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
