/**
 * Redis 7.0.15's own test suite (Tcl) against a Starling node, with the same run against a real redis-server beside it.
 *
 *   npm run redis-suite                        the units that Starling is measured by
 *   npm run redis-suite -- type/hash expire    some units
 *   --record      keeps the result in scripts/redis-suite/results.json, from which docs/compatibility.md is made
 *   --all         runs the tests of skipped.json as well
 *   --reference   runs redis-server again instead of taking its result from .cache/
 *   --seconds N   time limit of a unit (default 180)
 *
 * How to read it: `ok` are tests passed; `misses` are tests failed, or thrown out by an error; `left out` are tests
 * that redis-server passes and that were not run, each with its reason in scripts/redis-suite/skipped.json; `redis` is
 * what redis-server 7.0.15 passes in the same mode (external server, or such as the unit starts itself, without the
 * tests tagged slow, object encodings not compared).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OWN_SERVERS, treeWithStarling } from './redis-suite/own-servers.ts';
import type { SuiteRow } from './redis-suite/rows.ts';
import { type Server, startRedis, startStarling } from './redis-suite/servers.ts';
import { cacheFile, suiteDirectory } from './redis-suite/source.ts';
import { runUnit, type UnitResult } from './redis-suite/unit.ts';

const UNITS = [
  'protocol',
  'keyspace',
  'scan',
  'type/string',
  'type/incr',
  'type/set',
  'type/hash',
  'type/list',
  'type/list-3',
  'type/zset',
  'type/stream',
  'type/stream-cgroups',
  'sort',
  'geo',
  'expire',
  'other',
  'multi',
  'quit',
  'bitops',
  'bitfield',
  'info',
  'info-command',
  'slowlog',
  'introspection',
  'introspection-2',
  'lazyfree',
  'pubsub',
  'tracking',
  'hyperloglog',
  'latency-monitor',
  'maxmemory',
  'client-eviction',
  'obuf-limits',
  'pause',
  'replybufsize',
  'dump',
  'auth',
  'acl',
  'acl-v2',
  'scripting',
  'functions',
];
const RECORD = 'scripts/redis-suite/results.json';
const SKIPPED = 'scripts/redis-suite/skipped.json';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    record: { type: 'boolean' },
    all: { type: 'boolean' },
    reference: { type: 'boolean' },
    seconds: { type: 'string', default: '180' },
  },
});

const tree = suiteDirectory();
const secondsMax = Number(flags.seconds);
const reasons = readJson<Record<string, Record<string, string>>>(SKIPPED, {});
const rows: SuiteRow[] = [];
for (const unit of positionals.length > 0 ? positionals.map(shortName) : UNITS) {
  const skips = flags.all ? [] : Object.keys(reasons[unit] ?? {});
  const reference = await redisPasses(unit);
  const { passed, misses, brokenOff } = await against(startStarling, unit, skips);
  const leftOut = without(reference, [...passed, ...misses.map(({ test }) => test)]);
  const row = { unit, redis: reference.length, passed: passed.length, misses, leftOut, brokenOff };
  rows.push(row);
  show(row);
}
showTable(rows);
keep(rows);
process.exitCode = rows.every((row) => row.misses.length === 0 && row.brokenOff === null) ? 0 : 1;

function shortName(unit: string): string {
  return unit.replace(/^unit\//, '');
}

async function against(start: () => Promise<Server>, unit: string, skips: readonly string[]): Promise<UnitResult> {
  if (OWN_SERVERS.has(unit)) {
    const own = start === startStarling ? treeWithStarling(tree) : tree;
    return runUnit(own, `unit/${unit}`, null, skips, secondsMax);
  }
  const server = await start();
  try {
    return await runUnit(tree, unit.startsWith('integration/') ? unit : `unit/${unit}`, server.port, skips, secondsMax);
  } finally {
    await server.stop();
  }
}

/** The tests that redis-server passes, none left out; from the cache if they are known. */
async function redisPasses(unit: string): Promise<string[]> {
  const file = cacheFile('reference.json');
  const known = readJson<Record<string, string[]>>(file, {});
  if (known[unit] !== undefined && !flags.reference) return known[unit];
  const { passed, misses, brokenOff } = await against(startRedis, unit, []);
  if (brokenOff !== null) throw new Error(`${unit} breaks off on redis-server itself: ${brokenOff}`);
  for (const { test, reason } of misses) console.log(`redis-server itself fails: ${test}: ${reason}`);
  writeFileSync(file, JSON.stringify({ ...known, [unit]: passed }, null, 2));
  return passed;
}

/** What is left of `all` when each of `some` has been taken away once: a unit may have two tests of one name. */
function without(all: readonly string[], some: readonly string[]): string[] {
  const left = [...all];
  for (const each of some) {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

function show({ unit, misses, brokenOff }: SuiteRow): void {
  for (const { test, reason } of misses) console.log(`${unit}: ${test}\n    ${reason}`);
  if (brokenOff !== null) console.log(`${unit} BROKE OFF: ${brokenOff}`);
}

function showTable(all: readonly SuiteRow[]): void {
  const line = (...cells: (string | number)[]) =>
    console.log(cells.map((cell, i) => (i === 0 ? `${cell}`.padEnd(20) : `${cell}`.padStart(9))).join(''));
  const sum = (count: (row: SuiteRow) => number) => all.reduce((total, row) => total + count(row), 0);
  console.log();
  line('unit', 'redis', 'ok', 'misses', 'left out');
  for (const row of all)
    line(
      row.brokenOff === null ? row.unit : `${row.unit} (broke off)`,
      row.redis,
      row.passed,
      row.misses.length,
      row.leftOut.length,
    );
  line(
    'all',
    sum((row) => row.redis),
    sum((row) => row.passed),
    sum((row) => row.misses.length),
    sum((row) => row.leftOut.length),
  );
}

/** Units of this run replace what was known of them; the others stay. */
function keep(all: readonly SuiteRow[]): void {
  const file = flags.record ? RECORD : cacheFile('results.json');
  const known = readJson<SuiteRow[]>(file, []).filter((row) => !all.some(({ unit }) => unit === row.unit));
  const units = [...known, ...all].sort((a, b) => a.unit.localeCompare(b.unit));
  writeFileSync(file, `${JSON.stringify(units, null, 2)}\n`);
  console.log(`\nwritten to ${file}`);
}

function readJson<T>(file: string, otherwise: T): T {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : otherwise;
}
