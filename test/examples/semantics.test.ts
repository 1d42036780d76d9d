/**
 * The transcripts of docs/semantics.md, line by line, on two real nodes. A block begins with empty databases; `a>`,
 * `b>` and `ab>` say where a command goes, a line of dashes waits. What the page leaves open (…) may be anything, and
 * the order of what a set or hash gives does not matter.
 */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { splitLine } from '../../src/config/lines.ts';
import type { Answer } from '../conformance/cases.ts';
import { startCluster } from '../processes/cluster.ts';
import { eventually, killAll, type NodeProcess, sleep } from '../processes/node-process.ts';

const PAGE = new URL('../../docs/semantics.md', import.meta.url);
/** Answers that redis-cli shows without quotes: status replies, which look like strings here. */
const STATUS = /^(OK|QUEUED|none|string|hash|set)$/;
const LATER_MS: Readonly<Record<string, number>> = { 'half a second later': 600, 'three seconds later': 3200 };
/** Between commands, so that of two concurrent writes the one typed later bears the later stamp. */
const TYPING_MS = 5;

interface Line {
  readonly on: string;
  readonly command: string;
  readonly answer: string[];
}

function transcripts(): { heading: string; lines: Line[] }[] {
  const found: { heading: string; lines: Line[] }[] = [];
  let heading = '';
  let lines: Line[] | null = null;
  for (const text of readFileSync(PAGE, 'utf8').split('\n')) {
    if (text.startsWith('## ')) heading = text.slice(3);
    if (text === '```console') lines = [];
    else if (text === '```' && lines !== null) {
      found.push({ heading, lines });
      lines = null;
    } else if (lines !== null) {
      const prompt = /^(a|b|ab)> (.*)$/.exec(text) ?? /^(--) (.*)$/.exec(text);
      if (prompt !== null) lines.push({ on: prompt[1], command: prompt[2], answer: [] });
      else lines[lines.length - 1].answer.push(text);
    }
  }
  return found;
}

/** As redis-cli shows it. */
function show(answer: Answer): string[] {
  if (answer === null) return ['(nil)'];
  if (typeof answer === 'number') return [`(integer) ${answer}`];
  if (typeof answer === 'string') return [STATUS.test(answer) ? answer : JSON.stringify(answer)];
  if (!Array.isArray(answer)) return [`(error) ${answer.error}`];
  if (answer.length === 0) return ['(empty array)'];
  return answer.flatMap((item, index) => {
    const head = `${index + 1}) `;
    return show(item).map((line, at) => (at === 0 ? head : ' '.repeat(head.length)) + line);
  });
}

function fits(shown: string, expected: string): boolean {
  const parts = expected.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`).test(shown);
}

/** All nodes hold the same: before a pause, and after it. */
async function equal(nodes: readonly NodeProcess[]): Promise<void> {
  await eventually(
    'one digest',
    () => Promise.all(nodes.map((node) => node.must('CRDT', 'DIGEST'))),
    (digests) => new Set(digests).size === 1,
  );
}

async function run(nodes: { a: NodeProcess; b: NodeProcess }, { on, command, answer }: Line): Promise<void> {
  const both = [nodes.a, nodes.b];
  if (on === '--') {
    const ms = LATER_MS[command];
    assert.type(ms, 'number', command);
    await sleep(ms);
    return;
  }
  const exchange = command.startsWith('DEBUG REPLICATION');
  if (exchange || on === 'ab') await settle(both);
  for (const node of on === 'ab' ? both : [on === 'a' ? nodes.a : nodes.b]) {
    await sleep(TYPING_MS);
    const shown = show(await node.command(...(splitLine(command) ?? [])));
    const good = shown.length === answer.length && shown.every((line, index) => fits(line, answer[index]));
    assert.ok(good, `${on}> ${command}\n${shown.join('\n')}\nbut the page says\n${answer.join('\n')}`);
  }
  if (exchange) await settle(both);
}

/** Unless the exchange is stopped, in which case they cannot become equal. */
async function settle(nodes: readonly NodeProcess[]): Promise<void> {
  const states = await Promise.all(nodes.map((node) => node.info('crdt_replication')));
  if (states.every((state) => state === 'running')) await equal(nodes);
}

const all = transcripts();

test('the page has a transcript for each kind of conflict', () => {
  const headings = new Set(all.map(({ heading }) => heading));
  for (const wanted of ['Strings', 'Counters', 'Hashes', 'Sets', 'Times to live', 'Transactions']) {
    assert.ok(headings.has(wanted), wanted);
  }
});

test('two nodes do what each transcript of the page shows', async () => {
  const [a, b] = await startCluster(2);
  try {
    for (const { lines } of all) {
      await a.must('FLUSHALL');
      await equal([a, b]);
      for (const line of lines) await run({ a, b }, line);
    }
  } finally {
    await killAll([a, b]);
  }
});

test.run();
