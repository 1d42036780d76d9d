/**
 * The corpus on disk: a folder a target, a file an input. A name says what the input is, or what it once broke
 * (`failed-…`); what a campaign finds is named by what broke and by its content, until somebody names it better.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('corpus/', import.meta.url));

export interface Kept {
  readonly name: string;
  readonly bytes: Buffer;
}

export function readCorpus(target: string): Kept[] {
  const folder = join(ROOT, target);
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return names.map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** Its path. */
export function keep(target: string, reason: string, bytes: Buffer): string {
  const folder = join(ROOT, target);
  mkdirSync(folder, { recursive: true });
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 10);
  const path = join(folder, `${reason}-${hash}`);
  writeFileSync(path, bytes);
  return path;
}
