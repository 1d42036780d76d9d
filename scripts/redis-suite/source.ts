/**
 * Where Redis's own test suite comes from: Debian's source package of Redis 7.0.15, fetched with apt from a sources
 * list of our own, so that the machine's apt configuration stays as it is. Kept under .cache/.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const CACHE = resolve('.cache/redis-suite');
export const SUITE_VERSION = '7.0.15';
const SOURCES = [
  'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main',
  'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main',
];
/** What the suite looks for in src/, as if it had been built there. */
const PROGRAMS = ['redis-server', 'redis-cli', 'redis-benchmark', 'redis-check-aof', 'redis-check-rdb'];
const FETCH_MS_MAX = 300_000;

/** The unpacked source tree, fetched if it is not there yet. */
export function suiteDirectory(): string {
  const tree = join(CACHE, `redis-${SUITE_VERSION}`);
  if (!existsSync(join(tree, 'runtest'))) {
    fetchSource();
    unpack(tree);
  }
  for (const program of PROGRAMS) linkInstalled(tree, program);
  if (!isInstalled('tclsh')) installTcl();
  return tree;
}

export function cacheFile(name: string): string {
  mkdirSync(CACHE, { recursive: true });
  return join(CACHE, name);
}

function fetchSource(): void {
  const apt = join(CACHE, 'apt');
  for (const folder of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, folder), { recursive: true });
  writeFileSync(join(apt, 'sources.list'), `${SOURCES.join('\n')}\n`);
  const options = [
    `Dir::Etc::SourceList=${apt}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${apt}/lists`,
    `Dir::Cache=${apt}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  execFileSync('apt-get', [...options, 'update'], { cwd: CACHE, stdio: 'inherit', timeout: FETCH_MS_MAX });
  execFileSync('apt-get', [...options, 'source', '--download-only', 'redis'], {
    cwd: CACHE,
    stdio: 'inherit',
    timeout: FETCH_MS_MAX,
  });
}

function unpack(tree: string): void {
  const archive = `redis_${SUITE_VERSION}.orig.tar.gz`;
  if (!readdirSync(CACHE).includes(archive))
    throw new Error(`apt-get source gave no ${archive}: Debian has another version now`);
  execFileSync('tar', ['xzf', archive], { cwd: CACHE });
  if (!existsSync(join(tree, 'runtest'))) throw new Error(`${archive} holds no ${tree}`);
}

function linkInstalled(tree: string, program: string): void {
  const link = join(tree, 'src', program);
  if (existsSync(link)) return;
  rmSync(link, { force: true });
  symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), link);
}

function isInstalled(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function installTcl(): void {
  if (process.getuid?.() !== 0) throw new Error('tclsh is missing: install the package tcl');
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'tcl'], {
    stdio: 'inherit',
    timeout: FETCH_MS_MAX,
  });
}
