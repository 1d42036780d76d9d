/**
 * Starling and redis-server side by side on this machine, both as safe as each other: everything on disk, forced
 * there every second.
 *
 *   npm run bench                                       everything, about ten minutes
 *   npm run bench -- --only alone --tests set,get --depths 1,16 --rounds 1 --seconds 0.5
 *   --only    some of: alone, peer
 *   --tests, --depths, --rounds, --seconds (of a cell), --requests (of a cell, instead of --seconds)
 *   --value-bytes N   size of a value (redis-benchmark -d; default 3)
 *   --json FILE       all samples
 *
 * Throughput: redis-benchmark with 50 clients over 100,000 random keys (for HSET and SADD: fields and members of one
 * hash and one set). `alone` is one node without mDNS against one redis-server; `peer` is a node with one peer that
 * gets every write against a redis-server with one replica. One server is under load at a time, the others are idle;
 * they take turns, and a round is one turn of all. Rates are medians over the rounds; a ratio is taken within each
 * round (above 1: Starling is faster), then their median, with the least and the greatest. redis-benchmark runs on the
 * same cores as the servers.
 *
 * The run fails when a server ends, an error reply is seen, or a pair is not equal 60 s after the last write.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { TESTS, type Test } from './bench/redis-benchmark.ts';
import { loadAverage, machineLine, throughputTable } from './bench/report.ts';
import { type Setting, Subject } from './bench/subject.ts';
import { measureThroughput } from './bench/throughput.ts';

const SECTIONS = ['alone', 'peer'] as const;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: SECTIONS.join() },
    tests: { type: 'string', default: TESTS.join() },
    depths: { type: 'string', default: '1,16,100' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.5' },
    requests: { type: 'string' },
    'value-bytes': { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const sections = chosen(flags.only, SECTIONS);
const plan = {
  tests: chosen(flags.tests, TESTS) satisfies Test[],
  depths: flags.depths.split(',').map((depth) => positive('depths', depth)),
  rounds: positive('rounds', flags.rounds),
  seconds: positive('seconds', flags.seconds),
  requests: flags.requests === undefined ? null : positive('requests', flags.requests),
  valueBytes: positive('value-bytes', flags['value-bytes']),
};
const load = loadAverage();

const subjects: Subject[] = [];
for (const setting of sections satisfies Setting[]) {
  subjects.push(await Subject.start('redis', setting), await Subject.start('starling', setting));
}
const cells = await measureThroughput(subjects, plan, (line) => process.stderr.write(`${line}\n`));
const redisVersion = (await subjects[0].entry.info()).get('redis_version') ?? '';
await Promise.all(subjects.map((subject) => subject.stop()));

const machine = machineLine(redisVersion, load);
const command = ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
console.log(`${machine}\n\n\`${command}\`\n\n${throughputTable(cells)}`);
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ machine, command, cells }, null, 2)}\n`);

function chosen<T extends string>(list: string, known: readonly T[]): T[] {
  return list.split(',').map((word) => {
    const found = known.find((each) => each === word.trim().toLowerCase());
    if (found === undefined) throw new Error(`${word} is none of ${known.join(', ')}`);
    return found;
  });
}

function positive(name: string, word: string): number {
  const number = Number(word);
  if (!(number > 0)) throw new Error(`--${name} takes numbers above 0, not ${word}`);
  return number;
}
