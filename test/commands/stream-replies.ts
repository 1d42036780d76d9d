/**
 * Comparing replies about streams with those of a real redis-server: moments and times since then are not the same on both,
 * nor are the nodes of Redis's tree, and Starling has two fields of Redis 7.2 that 7.0 lacks.
 */
import type { BothServers, Difference, Request } from './differential.ts';
import { argumentsOf } from './differential.ts';

/** A reply: its first line for what has no elements, with the bytes of a string behind it; else its type and elements. */
export type Tree = string | { readonly type: string; readonly elements: readonly Tree[] };

/** Each server's own. */
const OWN_FIELDS = new Set(['idle', 'inactive', 'seen-time', 'active-time', 'radix-tree-keys', 'radix-tree-nodes']);
/** Milliseconds since 1970 are more. */
const MOMENT_MIN = 1e11;
/** Idle times are told apart by whole steps. */
const IDLE_STEP_MS = 10_000;

export function treeOf(bytes: Buffer): Tree {
  return parse(bytes, 0).tree;
}

function parse(bytes: Buffer, at: number): { tree: Tree; next: number } {
  const lineEnd = bytes.indexOf('\r\n', at);
  const line = bytes.toString('latin1', at, lineEnd);
  const size = Number(line.slice(1));
  let next = lineEnd + 2;
  if (line[0] === '$' && size >= 0) {
    return { tree: `$${bytes.toString('latin1', next, next + size)}`, next: next + size + 2 };
  }
  if (!'*%~'.includes(line[0]) || size < 0) return { tree: line, next };
  const elements: Tree[] = [];
  for (let left = line[0] === '%' ? 2 * size : size; left > 0; left--) {
    const element = parse(bytes, next);
    elements.push(element.tree);
    next = element.next;
  }
  return { tree: { type: line[0], elements }, next };
}

/** Without the fields that are each server's own, and without moments. */
function told(tree: Tree): Tree {
  if (typeof tree === 'string') return tree[0] === ':' && Number(tree.slice(1)) > MOMENT_MIN ? ':moment' : tree;
  const elements: Tree[] = [];
  for (let i = 0; i < tree.elements.length; i++) {
    const element = tree.elements[i];
    if (typeof element === 'string' && OWN_FIELDS.has(element.slice(1))) i++;
    else elements.push(told(element));
  }
  return { type: tree.type, elements };
}

/** Of XPENDING with a range: id, consumer, idle time, deliveries. */
function withoutIdle(tree: Tree): Tree {
  if (typeof tree === 'string') return tree;
  const elements = tree.elements.map((each) => {
    if (typeof each === 'string' || each.elements.length !== 4) return each;
    const [id, consumer, idle, deliveries] = each.elements;
    return {
      type: each.type,
      elements: [id, consumer, String(Math.floor(Number(String(idle).slice(1)) / IDLE_STEP_MS)), deliveries],
    };
  });
  return { type: tree.type, elements };
}

function isSame({ request, redis, starling }: Difference): boolean {
  if (redis.equals(starling)) return true;
  const name = String(argumentsOf(request)[0]).toUpperCase();
  const form = name === 'XINFO' ? told : name === 'XPENDING' ? withoutIdle : null;
  return form !== null && JSON.stringify(form(treeOf(redis))) === JSON.stringify(form(treeOf(starling)));
}

/** Runs the commands on both and throws at the first reply that is not the same in what both tell. */
export async function compareStreams(both: BothServers, requests: readonly Request[]): Promise<void> {
  const answers = await both.answers(requests);
  const at = answers.findIndex((answer) => !isSame(answer));
  if (at < 0) return;
  const { request, redis, starling } = answers[at];
  const line = (each: Request) =>
    argumentsOf(each)
      .map((arg) => JSON.stringify(String(arg)))
      .join(' ');
  throw new Error(
    [
      'a reply is not as of Redis',
      ...answers.slice(0, at).map((each) => `    after     ${line(each.request)}`),
      `    command   ${line(request)}`,
      `    Redis     ${JSON.stringify(String(redis))}`,
      `    Starling  ${JSON.stringify(String(starling))}`,
    ].join('\n'),
  );
}
