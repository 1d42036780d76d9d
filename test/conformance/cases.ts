/**
 * The conflict cases of cases.txt, read and run. The header of cases.txt explains the format; this file knows nothing
 * of how replicas are made or connected, that is a Cluster's business.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

/** RESP2 shapes: nil is null, a status or bulk string is a string. */
export type Answer = null | number | string | Answer[] | { error: string };

export type Step =
  | { readonly kind: 'sync'; readonly replicas: readonly string[]; readonly line: number }
  | { readonly kind: 'tick'; readonly ms: number; readonly line: number }
  | {
      readonly kind: 'run';
      /** A replica's name; `all`: each of them; `same`: each, and they must answer alike. */
      readonly on: string;
      readonly words: readonly string[];
      readonly expected: Expectation | null;
      readonly line: number;
    };

export type Expectation =
  | { readonly kind: 'exactly'; readonly value: Answer }
  | { readonly kind: 'any order'; readonly value: Answer[] }
  | { readonly kind: 'array of'; readonly length: number };

export interface Case {
  readonly id: string;
  readonly title: string;
  readonly origin: string;
  readonly replicas: readonly string[];
  readonly steps: readonly Step[];
}

/** Replicas of one case, empty and apart from each other. */
export interface Cluster {
  run(replica: string, words: readonly string[]): Promise<Answer>;
  /** Lets these exchange everything; resolves when all of them have it. */
  sync(replicas: readonly string[]): Promise<void>;
  tick(ms: number): Promise<void>;
  digest(replica: string): Promise<string>;
  stop(): Promise<void>;
}

export function readCases(path: URL): Case[] {
  const cases: Case[] = [];
  let lines: { text: string; line: number }[] = [];
  let head: RegExpExecArray | null = null;
  const finish = (): void => {
    if (head !== null) cases.push(parseCase(head, lines));
  };
  for (const [index, raw] of readFileSync(path, 'utf8').split('\n').entries()) {
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) continue;
    const start = /^case (\S+) (.*?)\s*\[(\w+)\]$/.exec(text);
    if (start !== null) {
      finish();
      head = start;
      lines = [];
    } else {
      lines.push({ text, line: index + 1 });
    }
  }
  finish();
  return cases;
}

/** Names of the commands that a case needs, lower case. */
export function commandsOf({ steps }: Case): string[] {
  return [...new Set(steps.flatMap((step) => (step.kind === 'run' ? [step.words[0].toLowerCase()] : [])))];
}

/** Runs all steps; throws an Error that names the line at the first one that goes otherwise than written. */
export async function runCase({ replicas, steps }: Case, cluster: Cluster): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'sync') await cluster.sync(step.replicas);
    else if (step.kind === 'tick') await cluster.tick(step.ms);
    else await runStep(step, replicas, cluster);
  }
  await cluster.sync(replicas);
  const digests = await Promise.all(replicas.map((replica) => cluster.digest(replica)));
  if (new Set(digests).size !== 1) throw new Error(`digests differ at the end: ${digests.join(' ')}`);
}

async function runStep(
  step: Extract<Step, { kind: 'run' }>,
  replicas: readonly string[],
  cluster: Cluster,
): Promise<void> {
  const { on, words, expected, line } = step;
  const targets = on === 'all' || on === 'same' ? replicas : [on];
  let first: Answer | undefined;
  for (const replica of targets) {
    const answer = await cluster.run(replica, words);
    const spelled = JSON.stringify(answer);
    if (expected === null ? isError(answer) : !meets(answer, expected)) {
      const wanted =
        expected === null ? 'no error' : JSON.stringify('value' in expected ? expected.value : expected.length);
      throw new Error(`cases.txt:${line} ${replica} ${words.join(' ')} -> ${spelled}, expected ${wanted}`);
    }
    if (on !== 'same') continue;
    if (first !== undefined && !isDeepStrictEqual(first, answer)) {
      throw new Error(
        `cases.txt:${line} ${replica} ${words.join(' ')} -> ${spelled}, but ${JSON.stringify(first)} elsewhere`,
      );
    }
    first = answer;
  }
}

function meets(answer: Answer, expected: Expectation): boolean {
  switch (expected.kind) {
    case 'exactly':
      return isDeepStrictEqual(answer, expected.value);
    case 'any order':
      return Array.isArray(answer) && isDeepStrictEqual(sorted(answer), sorted(expected.value));
    case 'array of':
      return Array.isArray(answer) && answer.length === expected.length;
  }
}

function sorted(list: readonly Answer[]): string[] {
  return list.map((item) => JSON.stringify(item)).sort();
}

function isError(answer: Answer): boolean {
  return typeof answer === 'object' && answer !== null && 'error' in answer;
}

function parseCase(head: RegExpExecArray, lines: readonly { text: string; line: number }[]): Case {
  const named = new Set(['A', 'B']);
  for (const { text } of lines) for (const name of namesIn(text)) named.add(name);
  const replicas = [...named].sort();
  const steps = lines.map(({ text, line }) => parseStep(text, line, replicas));
  return { id: head[1], title: head[2], origin: head[3], replicas, steps };
}

function namesIn(text: string): string[] {
  const [first, ...rest] = text.split(/\s+/);
  return (first === 'sync' ? rest : [first]).filter((word) => /^[A-D]$/.test(word));
}

function parseStep(text: string, line: number, replicas: readonly string[]): Step {
  const words = text.split(/\s+/);
  if (words[0] === 'sync') return { kind: 'sync', replicas: words.length > 1 ? words.slice(1) : replicas, line };
  if (words[0] === 'tick') return { kind: 'tick', ms: Number(words[1]), line };
  if (!/^([A-D]|all|same)$/.test(words[0])) throw new Error(`cases.txt:${line} is no step: ${text}`);
  const expectation = /\s(->|~>)\s+(.*)$/.exec(text);
  const command = expectation === null ? text : text.slice(0, expectation.index);
  const [on, ...commandWords] = command.trim().split(/\s+/);
  return {
    kind: 'run',
    on,
    words: commandWords,
    expected: expectation === null ? null : parseExpected(expectation),
    line,
  };
}

function parseExpected([, arrow, text]: RegExpExecArray): Expectation {
  if (text.startsWith('#')) return { kind: 'array of', length: Number(text.slice(1)) };
  const value = JSON.parse(text) as Answer;
  if (arrow === '->') return { kind: 'exactly', value };
  if (!Array.isArray(value)) throw new Error(`~> needs an array, not ${text}`);
  return { kind: 'any order', value };
}
