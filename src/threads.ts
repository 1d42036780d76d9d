/** Starts programs of ours on threads of their own. It imports nothing of ours, so any folder but core/ may import it. */
import { Worker } from 'node:worker_threads';

/**
 * `from`: import.meta.url of who asks; `name`: the program beside it, without its ending. A build runs as it is; sources
 * through tsx, which has to be told on each thread.
 */
export function startThread(from: string, name: string, workerData: unknown): Worker {
  if (!from.endsWith('.ts')) return new Worker(new URL(`./${name}.js`, from), { workerData });
  const program = JSON.stringify(new URL(`./${name}.ts`, from).href);
  const tsx = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const start = `import(${tsx}).then(({ register }) => { register(); return import(${program}); })`;
  return new Worker(start, { workerData, eval: true, execArgv: [] });
}
