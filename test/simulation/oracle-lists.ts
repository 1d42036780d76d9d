/**
 * The order of lists, as the oracle specifies it (docs/semantics.md). What is pushed stands in the order of time, from the
 * middle to both ends. What is inserted belongs to the push beside which it was made, or beside whose inserts: relative to
 * all other pushes it stands where that stands. Among themselves those that belong to one push keep every order that an
 * author has seen; concurrent inserts at one place have one order too, but which is not specified.
 */
import { type Effect, isLater } from './oracle.ts';

export type Place =
  | { readonly end: 'head' | 'tail' }
  /** Beside `pivot`, between its neighbours as its author saw them; null: the list ended there. */
  | { readonly pivot: string; readonly before: string | null; readonly after: string | null };

export type Made = Extract<Effect, { kind: 'assign' }> & { readonly place: Place };

/**
 * These elements in their order. `isCertain`: there is no other one that keeps to the rules. `made`: how all elements came
 * about, of all lists, since copies of an element keep its place.
 */
export function inListOrder(
  names: readonly string[],
  made: ReadonlyMap<string, Made>,
): { names: string[]; isCertain: boolean } {
  const wanted = new Set(names);
  const roots = new Set(names.map((name) => rootOf(made, name)));
  const groups = groupsOf(made);
  const inOrder: string[] = [];
  let isCertain = true;
  for (const root of pushesInOrder([...roots].map((name) => find(made, name)))) {
    const group = groups.get(root.element) ?? [];
    const ahead = aheadWithin(group, made);
    const shown = sortedWithin(group, ahead).filter((name) => wanted.has(name));
    isCertain &&= shown.every((name, i) => i === 0 || ahead.get(name)?.has(shown[i - 1]) === true);
    inOrder.push(...shown);
  }
  return { names: inOrder, isCertain };
}

function find(made: ReadonlyMap<string, Made>, name: string): Made {
  const found = made.get(name);
  if (found === undefined) throw new Error(`nobody made the element ${name}`);
  return found;
}

/** By push, what belongs to it; itself too. */
function groupsOf(made: ReadonlyMap<string, Made>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of made.keys()) {
    const root = rootOf(made, name);
    groups.set(root, [...(groups.get(root) ?? []), name]);
  }
  return groups;
}

function rootOf(made: ReadonlyMap<string, Made>, name: string): string {
  const { place } = find(made, name);
  return 'end' in place ? name : rootOf(made, place.pivot);
}

function pushesInOrder(pushes: readonly Made[]): Made[] {
  const atHead = ({ place }: Made) => 'end' in place && place.end === 'head';
  return [...pushes].sort((one, other) => {
    if (atHead(one) !== atHead(other)) return atHead(one) ? -1 : 1;
    return isLater(one, other) === atHead(one) ? -1 : 1;
  });
}

/** For each element of a group, those of it that stand ahead of it by what anybody has seen. */
function aheadWithin(group: readonly string[], made: ReadonlyMap<string, Made>): Map<string, Set<string>> {
  const ahead = new Map(group.map((name) => [name, new Set<string>()]));
  for (const name of group) {
    const { place } = find(made, name);
    if ('end' in place) continue;
    if (place.before !== null && ahead.has(place.before)) ahead.get(name)?.add(place.before);
    if (place.after !== null) ahead.get(place.after)?.add(name);
  }
  // what is ahead of what is ahead is ahead
  for (const through of group) {
    for (const name of group) {
      if (!ahead.get(name)?.has(through)) continue;
      for (const each of ahead.get(through) ?? []) ahead.get(name)?.add(each);
    }
  }
  return ahead;
}

function sortedWithin(group: readonly string[], ahead: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return [...group].sort((one, other) => (ahead.get(one)?.size ?? 0) - (ahead.get(other)?.size ?? 0));
}
