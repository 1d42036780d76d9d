/**
 * A program of the source as one file, for tests that start many processes: what tsx takes to start, and adds to each
 * function (its name), is saved.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
let bundles = 0;

/**
 * The path of the bundle, in `.cache/` of the checkout: there it finds package.json and node_modules as src/ does.
 * It is gone when this process ends.
 */
export async function bundle(entryPoint: string, name: string): Promise<string> {
  const outfile = join(ROOT, '.cache', `${name}-${process.pid}-${bundles++}.mjs`);
  await build({
    ...{ entryPoints: [entryPoint], outfile, bundle: true, packages: 'external' },
    ...{ platform: 'node', format: 'esm', target: 'node20', sourcemap: true, logLevel: 'error' },
  });
  process.once('exit', () => {
    for (const file of [outfile, `${outfile}.map`]) rmSync(file, { force: true });
  });
  return outfile;
}
