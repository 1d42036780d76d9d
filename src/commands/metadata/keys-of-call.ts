/** Which arguments of a call are keys, and how the command uses them: COMMAND GETKEYS and GETKEYSANDFLAGS. */
import { parseInteger } from '../../core/integer.ts';
import type { Slice } from '../../core/slice.ts';
import type { Command } from '../table.ts';
import { type KeySpec, metadataOf } from './index.ts';

export interface KeyUse {
  readonly position: number;
  /** As key specifications name them: RW, access, update … */
  readonly flags: readonly string[];
}

/** Where a call's keys depend on its arguments, the same holds of their use. */
const USES_BY_CALL: Readonly<Record<string, (args: readonly Slice[]) => readonly string[]>> = {
  set: (args) => (args.slice(3).some((arg) => arg.isWord('get')) ? ['RW', 'access', 'update'] : ['OW', 'update']),
  bitfield: (args) => (isReadOnlyBitfield(args) ? ['RO', 'access'] : ['RW', 'access', 'update']),
};

/** True if calls of the command may name keys. */
export function hasKeys(command: Command): boolean {
  return 'shown' in command.keys || metadataOf(command).keySpecs.some((spec) => !spec.flags.includes('not_key'));
}

/**
 * The keys of a call; null if its arguments make no sense. `partial`: those of the specifications that fit it, such as the
 * destination of a PFMERGE without sources.
 */
export function keysOfCall(command: Command, args: readonly Slice[], partial = false): KeyUse[] | null {
  const { keySpecs } = metadataOf(command);
  const byCall = USES_BY_CALL[command.name];
  if (byCall !== undefined) return [{ position: 1, flags: byCall(args) }];
  if ('shown' in command.keys && command.keys.flagsOf !== undefined) return keysByEntry(command, args);
  const found: KeyUse[] = [];
  for (const spec of keySpecs) {
    if (spec.flags.includes('not_key')) continue;
    if (spec.flags.includes('incomplete')) return keysByEntry(command, args);
    const uses = followSpec(spec, args);
    if (uses === null) {
      if (!partial || found.length === 0) return null;
      continue;
    }
    found.push(...uses);
  }
  return found.length > 0 ? found : keysByEntry(command, args);
}

/** The entry's own finder knows best where a specification does not tell all. */
function keysByEntry(command: Command, args: readonly Slice[]): KeyUse[] | null {
  if (!('shown' in command.keys)) return null;
  const positions: number[] = [];
  const { find, flagsOf } = command.keys;
  find(args, args.length, positions);
  const general = command.flags.includes('write') ? ['RW', 'access', 'update'] : ['RO', 'access'];
  if (positions.length === 0) return null;
  return positions.map((position) => ({ position, flags: flagsOf?.(position) ?? general }));
}

/** Null: the call does not fit the specification, or that leaves open where the keys are. A keyword that is not there has no keys. */
function followSpec({ begin_search, find_keys, flags }: KeySpec, args: readonly Slice[]): KeyUse[] | null {
  if (begin_search.type === 'unknown' || find_keys.type === 'unknown') return null;
  let first = begin_search.type === 'index' ? begin_search.spec.index : afterKeyword(begin_search.spec, args);
  if (first === 0) return [];
  let last: number;
  if (find_keys.type === 'range') {
    const { lastkey, limit } = find_keys.spec;
    if (lastkey >= 0) last = first + lastkey;
    else last = limit === 0 ? args.length + lastkey : first + Math.floor((args.length - first) / limit) + lastkey;
  } else {
    const counter = args[first + find_keys.spec.keynumidx];
    const count = counter === undefined ? undefined : parseInteger(counter.bytes, counter.start, counter.end);
    if (count === undefined || count < 0) return null;
    first += find_keys.spec.firstkey;
    last = first + Number(count) - 1;
  }
  if (last >= args.length || last < first || first >= args.length) return null;
  const uses: KeyUse[] = [];
  for (let position = first; position <= last; position += find_keys.spec.keystep) uses.push({ position, flags });
  return uses;
}

/** The argument after a keyword, looked for from `startfrom` on, or backward where that counts from the end; 0: not there. */
function afterKeyword({ keyword, startfrom }: { keyword: string; startfrom: number }, args: readonly Slice[]): number {
  const forward = startfrom > 0;
  const lower = keyword.toLowerCase();
  for (let i = forward ? startfrom : args.length + startfrom; i >= 1 && i < args.length; i += forward ? 1 : -1) {
    if (args[i].isWord(lower)) return i + 1;
  }
  return 0;
}

function isReadOnlyBitfield(args: readonly Slice[]): boolean {
  for (let i = 2; i < args.length; i++) {
    const after = args.length - 1 - i;
    if (args[i].isWord('get') && after >= 2) i += 2;
    else if (args[i].isWord('overflow') && after >= 1) i += 1;
    else return false;
  }
  return true;
}
