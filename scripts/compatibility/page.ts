/** The text of docs/compatibility.md, from the registry, redis-server's list of commands, the notes and the suite's results. */
import { readFileSync } from 'node:fs';
import { createCommandRegistry } from '../../src/commands/index.ts';
import { metadataOfRedis, redisCommandNames } from '../../src/commands/metadata/index.ts';
import type { Command } from '../../src/commands/table.ts';
import { REDIS_VERSION } from '../../src/commands/version.ts';
import { OWN_SERVERS } from '../redis-suite/own-servers.ts';
import type { SuiteRow } from '../redis-suite/rows.ts';
import { NOTES } from './notes.ts';

const RESULTS = 'scripts/redis-suite/results.json';
const SKIPPED = 'scripts/redis-suite/skipped.json';
const GROUPS = [
  'string',
  'bitmap',
  'hash',
  'set',
  'generic',
  'transactions',
  'connection',
  'server',
  'scripting',
  'cluster',
];

/** What Redis 7.2 and 7.4 have beyond 7.0, whose own list we have. */
const SINCE_7_0: Readonly<Record<string, string>> = {
  ...{
    'client|no-touch': 'connection',
    'client|setinfo': 'connection',
    'cluster|myshardid': 'cluster',
    waitaof: 'generic',
  },
  ...{
    hexpire: 'hash',
    hexpireat: 'hash',
    hexpiretime: 'hash',
    hpersist: 'hash',
    hpexpire: 'hash',
    hpexpireat: 'hash',
  },
  ...{ hpexpiretime: 'hash', hpttl: 'hash', httl: 'hash' },
};

const commands = createCommandRegistry().all();
const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as SuiteRow[];
const skipped = JSON.parse(readFileSync(SKIPPED, 'utf8')) as Record<string, Record<string, string>>;

/** The whole page. Throws where a note is on a command that does not exist. */
export function compatibilityPage(): string {
  checkNotes();
  return `${[introduction(), supported(), missing(), suite(), missed(), leftOut()].join('\n\n')}\n`;
}

function checkNotes(): void {
  const unknown = Object.keys(NOTES).filter((name) => !commands.some((command) => command.name === name));
  if (unknown.length > 0) throw new Error(`notes on commands that do not exist: ${unknown.join(', ')}`);
}

function introduction(): string {
  return `# Compatibility with Redis

<!-- made by scripts/compatibility.ts: change that, the registry or the notes, not this page -->

Starling speaks RESP2 and RESP3 and answers as Redis does, errors included: tests compare the bytes of its replies with
those of redis-server 7.0.15. It tells clients that it is Redis ${REDIS_VERSION}, whose times to live of hash fields it has.
What is different comes from its being active-active: a write is an effect that reaches every node and meets the writes
of others there. The column "on other nodes" tells what comes of that, and other differences. Where it is empty there
is none.`;
}

function supported(): string {
  const others = [...new Set(commands.map(({ group }) => group))].filter((group) => !GROUPS.includes(group)).sort();
  const tables = [...GROUPS, ...others].map((group) => {
    const rows = commands.filter((command) => command.group === group).map(row);
    return rows.length === 0
      ? ''
      : `### ${title(group)}\n\n| command | since | on other nodes, and differences |\n| --- | --- | --- |\n${rows.join('\n')}`;
  });
  return `## Commands\n\n${commands.length} commands.\n\n${tables.filter((table) => table !== '').join('\n\n')}`;
}

function title(group: string): string {
  return `${group[0].toUpperCase()}${group.slice(1)}`;
}

function row({ name, since, subcommands }: Command): string {
  const subs = (subcommands ?? []).map((each) => each.name.slice(name.length + 1).toUpperCase());
  const form = subs.length === 0 ? name.toUpperCase() : `${name.toUpperCase()} ${subs.join(' \\| ')}`;
  return `| ${form} | ${metadataOfRedis(name) === undefined && ['crdt', 'mesh'].includes(name) ? 'Starling' : since} | ${NOTES[name] ?? ''} |`;
}

function missing(): string {
  const known = new Set(
    commands.flatMap(({ name, subcommands }) => [name, ...(subcommands ?? []).map((each) => each.name)]),
  );
  const byGroup = new Map<string, string[]>();
  for (const name of [...redisCommandNames(), ...Object.keys(SINCE_7_0)]) {
    if (known.has(name)) continue;
    const [container] = name.split('|');
    // a container that is missing says enough
    if (container !== name && !known.has(container)) continue;
    const group = metadataOfRedis(name)?.docs.group ?? SINCE_7_0[name];
    byGroup.set(group, [...(byGroup.get(group) ?? []), name.replace('|', ' ').toUpperCase()]);
  }
  const lines = [...byGroup]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, names]) => `- **${group}**: ${names.join(', ')}`);
  if (lines.length === 0) return '## Missing\n\nNo command of Redis 7.4 is missing.';
  return `## Missing\n\nCommands of Redis 7.4 that answer "unknown command" or "unknown subcommand":\n\n${lines.join('\n')}`;
}

function names(units: ReadonlySet<string>): string {
  return [...units]
    .sort()
    .join(', ')
    .replace(/, ([^,]+)$/, ' and $1');
}

function suite(): string {
  const sum = (count: (unit: SuiteRow) => number) => results.reduce((total, unit) => total + count(unit), 0);
  const line = (name: string, redis: number, passed: number, misses: number, out: number) =>
    `| ${name} | ${redis} | ${passed} | ${misses} | ${out} |`;
  const rows = results.map(({ unit, redis, passed, misses, leftOut: out, brokenOff }) =>
    line(brokenOff === null ? unit : `${unit} (broke off: ${brokenOff})`, redis, passed, misses.length, out.length),
  );
  const total = line(
    '**all**',
    sum(({ redis }) => redis),
    sum(({ passed }) => passed),
    sum(({ misses }) => misses.length),
    sum(({ leftOut: out }) => out.length),
  );
  return `## Redis's own test suite

The Tcl suite of Redis 7.0.15, run by \`npm run redis-suite\` against a fresh node per unit, as an external server, without
the tests tagged slow; object encodings are not compared. "redis" is what redis-server 7.0.15 passes in the same mode.
The units ${names(OWN_SERVERS)} start their own
servers; what of users Redis 7.4 words otherwise is changed in them first (\`scripts/redis-suite/own-servers.ts\`).

| unit | redis | passed | missed | left out |
| --- | --: | --: | --: | --: |
${rows.join('\n')}
${total}`;
}

function missed(): string {
  const lines = results.flatMap(({ unit, misses }) =>
    misses.map(({ test, reason }) => `- ${unit}, "${test}": ${reason}`),
  );
  return `### Missed\n\n${lines.length === 0 ? 'None of the tests that were run.' : lines.join('\n')}`;
}

function leftOut(): string {
  const byReason = new Map<string, string[]>();
  for (const { unit, leftOut: tests } of results) {
    for (const test of tests) {
      const reason = skipped[unit]?.[test] ?? 'not known';
      byReason.set(reason, [...(byReason.get(reason) ?? []), `${unit}: ${test}`]);
    }
  }
  const parts = [...byReason]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reason, tests]) => `**${title(reason)}**\n\n${tests.map((test) => `- ${test}`).join('\n')}`);
  return `### Left out, with the reason\n\n${parts.join('\n\n')}`;
}
