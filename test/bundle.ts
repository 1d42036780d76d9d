/**
 * Programs of the source as one file each, for what starts many processes: what tsx takes to start, and adds to each function
 * (its name), is saved. Modules that several of them share stand in files of their own, so each is there once a process.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** Each source knows itself by the place where it is read, not by that of its bundle. */
const ownPlace: Plugin = {
  name: 'own place',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      const contents = source
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
      return { contents, loader: 'ts' };
    });
  },
};

/**
 * Where the bundle of each program is, by its path within the checkout. They lie in `.cache/`, from where they find
 * node_modules, and are gone when this process ends.
 */
export async function bundleAll(programs: readonly string[]): Promise<Map<string, string>> {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const outdir = mkdtempSync(join(ROOT, '.cache', 'bundle-'));
  process.once('exit', () => rmSync(outdir, { recursive: true, force: true }));
  await build({
    ...{ entryPoints: [...programs], absWorkingDir: ROOT, outdir, outbase: ROOT, outExtension: { '.js': '.mjs' } },
    ...{ bundle: true, splitting: true, packages: 'external', plugins: [ownPlace] },
    ...{ platform: 'node', format: 'esm', target: 'node20', sourcemap: true, logLevel: 'error' },
  });
  return new Map(programs.map((path) => [path, join(outdir, path.replace(/\.ts$/, '.mjs'))]));
}

/** The bundle of one program. */
export async function bundle(program: string): Promise<string> {
  const path = relative(ROOT, program);
  const found = (await bundleAll([path])).get(path);
  if (found === undefined) throw new Error(`no bundle of ${basename(program)}`);
  return found;
}
