/**
 * Comparing with Redis where the order of a reply's elements is nobody's promise: members of a set, fields of a hash,
 * a page of a scan. The types and numbers of elements must be the same, and so must the elements, sorted.
 */
import type { BothServers, Difference, Request } from './differential.ts';

/** How the elements of a reply may be reordered: one by one, as pairs of neighbours, or those of a scan's page. */
export type Order = 'elements' | 'pairs' | 'page' | 'page of pairs';

const ORDERS: Readonly<Record<string, Order>> = {
  KEYS: 'elements',
  SCAN: 'page',
  HGETALL: 'pairs',
  HKEYS: 'elements',
  HVALS: 'elements',
  HSCAN: 'page of pairs',
  SMEMBERS: 'elements',
  SINTER: 'elements',
  SUNION: 'elements',
  SDIFF: 'elements',
  SRANDMEMBER: 'elements',
  SPOP: 'elements',
  SSCAN: 'page',
  ZSCAN: 'page of pairs',
};

/** A reply as a tree: its line for what has no elements, with the bytes of a string behind it. */
type Tree = string | { readonly head: string; readonly elements: readonly Tree[] };

/** The reply in a form that is the same for all orders of its elements. */
export function canonical(reply: Buffer, order: Order): string {
  return JSON.stringify(sorted(treeOf(reply, 0).tree, order));
}

/** Runs the commands on both and throws at the first reply that is not the same but for the order of its elements. */
export async function compareUnordered(both: BothServers, requests: readonly Request[]): Promise<void> {
  const answers = await both.answers(requests);
  const at = answers.findIndex((answer) => !isSame(answer));
  if (at >= 0) throw new Error(describe(answers, at));
}

function isSame({ request, redis, starling }: Difference): boolean {
  if (redis.equals(starling)) return true;
  const order = orderOf(request);
  return order !== undefined && canonical(redis, order) === canonical(starling, order);
}

function orderOf(request: Request): Order | undefined {
  const words = typeof request === 'string' ? request.split(' ') : request.map(String);
  const name = words[0].toUpperCase();
  if (name === 'HRANDFIELD' || name === 'ZRANDMEMBER') return words.length > 3 ? 'pairs' : 'elements';
  return ORDERS[name];
}

function treeOf(bytes: Buffer, at: number): { tree: Tree; next: number } {
  const lineEnd = bytes.indexOf('\r\n', at);
  const line = bytes.toString('latin1', at, lineEnd);
  const next = lineEnd + 2;
  const size = Number(line.slice(1));
  if (line[0] === '$' && size >= 0) {
    const end = next + size;
    return { tree: `$${bytes.toString('latin1', next, end)}`, next: end + 2 };
  }
  const children = line[0] === '%' ? size * 2 : '*~'.includes(line[0]) ? size : -1;
  if (children < 0) return { tree: line, next };
  const elements: Tree[] = [];
  let from = next;
  for (let i = 0; i < children; i++) {
    const child = treeOf(bytes, from);
    elements.push(child.tree);
    from = child.next;
  }
  return { tree: { head: line, elements }, next: from };
}

function sorted(tree: Tree, order: Order): Tree {
  if (typeof tree === 'string') return tree;
  const { head, elements } = tree;
  if (order === 'page' || order === 'page of pairs') {
    const [cursor, page] = elements;
    return { head, elements: [cursor, sorted(page, order === 'page' ? 'elements' : 'pairs')] };
  }
  // RESP3 gives some pairs as arrays of two: those are elements by themselves
  if (order === 'elements' || typeof elements[0] === 'object') {
    return { head, elements: elements.map((each) => JSON.stringify(each)).sort() };
  }
  const pairs: string[] = [];
  for (let i = 0; i < elements.length; i += 2) pairs.push(JSON.stringify(elements.slice(i, i + 2)));
  return { head, elements: pairs.sort() };
}

function describe(answers: readonly Difference[], at: number): string {
  const { request, redis, starling } = answers[at];
  return [
    'a reply is not as of Redis',
    ...answers.slice(Math.max(0, at - 12), at).map((each) => `    after     ${show(each.request)}`),
    `    command   ${show(request)}`,
    `    Redis     ${show(redis)}`,
    `    Starling  ${show(starling)}`,
  ].join('\n');
}

function show(what: Request | Buffer): string {
  if (Buffer.isBuffer(what)) return JSON.stringify(what.toString('latin1').slice(0, 300));
  return typeof what === 'string' ? what : what.map((each) => JSON.stringify(each.toString('latin1'))).join(' ');
}
