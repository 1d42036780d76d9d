/**
 * When keys and fields are hidden: the deadlines under each, kept to those that govern a value which is there, and the
 * moment that follows from them. The values come from keyspace.ts; what a deadline is stands in deadlines.ts.
 */
import type { Bodies, Body } from './bodies.ts';
import type { Cell } from './cell.ts';
import type { UnixMs } from './contract.ts';
import { KeyType } from './contract.ts';
import {
  cellHideAt,
  type Deadline,
  Deadlines,
  dotHideAt,
  governs,
  governsAll,
  governsCell,
  withoutCovered,
} from './deadlines.ts';
import { Elements } from './elements.ts';
import { Slice } from './slice.ts';
import { FLAG_DEADLINE, FLAG_FIELD_DEADLINES, SIMPLE, type State } from './state.ts';

export class KeyDeadlines {
  readonly deadlines: Deadlines;
  private readonly state: State;
  private readonly index: number;
  private readonly keys: Elements;
  private readonly bodies: Bodies;

  constructor(state: State, index: number, keys: Elements, bodies: Bodies) {
    this.state = state;
    this.index = index;
    this.keys = keys;
    this.bodies = bodies;
    this.deadlines = new Deadlines(state, index, null);
  }

  // --- deadlines of keys

  hasDeadline(at: number): boolean {
    const { table } = this.keys;
    return (table.flags(table.referenceAt(at)) & FLAG_DEADLINE) !== 0;
  }

  dropCoveredDeadlines(key: Slice): void {
    const list = this.deadlines.list(key.bytes, key.start, key.end);
    if (list.length > 0) this.putDeadlines(key, withoutCovered(list, this.state.context));
  }

  /** After a change of the values under a key with deadlines: some may govern nothing now, and hideAt may differ. */
  refreshDeadlines(key: Slice): void {
    const list = this.deadlines.list(key.bytes, key.start, key.end);
    if (list.length > 0) this.putDeadlines(key, list);
  }

  /** Stores those deadlines of the list that govern something, with the moment when the key is hidden. */
  putDeadlines(key: Slice, list: readonly Deadline[]): void {
    const { keys, deadlines } = this;
    const at = keys.table.find(key.bytes, key.start, key.end);
    if (at < 0) {
      this.state.missed(key.bytes, key.start, key.end);
      deadlines.put(key.bytes, key.start, key.end, [], 0);
      return;
    }
    const groups = this.groupsAt(at);
    const governing = list.filter((each) => groups.some((group) => governsSome(each, group)));
    let hideAt = 0;
    for (const group of groups) hideAt = Math.max(hideAt, groupHideAt(group, governing));
    const has = deadlines.put(key.bytes, key.start, key.end, governing, hideAt);
    const { table } = keys;
    const reference = table.referenceAt(at);
    const flags = table.flags(reference);
    table.setFlags(reference, has ? flags | FLAG_DEADLINE : flags & ~FLAG_DEADLINE);
  }

  /** What the key's deadlines may govern: the cell of a plain string, or the parts of a body. */
  private groupsAt(at: number): (Cell | Elements)[] {
    const body = this.bodies.bodyAt(at);
    return body === undefined ? [this.keys.cellAt(at)] : body.parts;
  }

  // --- deadlines of hash fields

  dropCoveredFieldDeadlines(body: Body, field: Slice): void {
    const list = body.fieldDeadlines?.list(field.bytes, field.start, field.end) ?? [];
    if (list.length > 0) this.putFieldDeadlines(body, field, withoutCovered(list, this.state.context));
  }

  refreshFieldDeadlines(body: Body, field: Slice): void {
    const list = body.fieldDeadlines?.list(field.bytes, field.start, field.end) ?? [];
    if (list.length > 0) this.putFieldDeadlines(body, field, list);
  }

  refreshAllFieldDeadlines(body: Body): void {
    const { fieldDeadlines } = body;
    if (fieldDeadlines === null) return;
    const { table } = fieldDeadlines;
    const field = new Slice();
    for (let at = table.positions - 1; at >= 0; at--) {
      const reference = table.referenceAt(at);
      if (reference === 0) continue;
      const bytes = table.fillKey(reference, field).copy();
      this.dropCoveredFieldDeadlines(body, field.set(bytes, 0, bytes.length));
    }
  }

  /** Deadlines of a field from a record; the field must be there already. */
  installFieldDeadlines(key: Slice, field: Slice, list: readonly Deadline[]): void {
    const body = this.bodies.findBody(key);
    if (body === undefined || this.bodies.partOf(body, KeyType.hash) === undefined) return;
    body.fieldDeadlines ??= new Deadlines(this.state, this.index, body.key);
    this.bodies.withFieldDeadlines.set(body.key.toString('latin1'), body);
    this.putFieldDeadlines(body, field, list);
  }

  putFieldDeadlines(body: Body, field: Slice, list: readonly Deadline[]): void {
    const { fieldDeadlines } = body;
    if (fieldDeadlines === null) return;
    const part = this.bodies.partOf(body, KeyType.hash);
    const at = part === undefined ? -1 : part.table.find(field.bytes, field.start, field.end);
    if (part === undefined || at < 0) {
      fieldDeadlines.put(field.bytes, field.start, field.end, [], 0);
      return;
    }
    const cell = part.cellAt(at);
    const governing = list.filter((each) => governsCell(each, cell));
    const has = fieldDeadlines.put(field.bytes, field.start, field.end, governing, cellHideAt(cell, governing));
    const reference = part.table.referenceAt(at);
    const flags = part.table.flags(reference);
    part.table.setFlags(reference, has ? flags | FLAG_DEADLINE : flags & ~FLAG_DEADLINE);
    if (has) this.flagKey(body);
  }

  /** Reads of the key must look whether all of its fields have expired. */
  private flagKey({ key }: Body): void {
    const { table } = this.keys;
    const reference = table.referenceAt(table.find(key, 0, key.length));
    table.setFlags(reference, table.flags(reference) | FLAG_FIELD_DEADLINES);
  }

  /** True if the key at `at` is a hash, and nothing beside, whose fields have all expired at `now`. */
  fieldsExpired(at: number, now: UnixMs): boolean {
    const body = this.bodies.bodyAt(at);
    if (body === undefined || body.fieldDeadlines === null) return false;
    const shown = body.parts.filter((part) => part.size > 0);
    const [part] = shown;
    if (shown.length !== 1 || part.type !== KeyType.hash || part.size !== body.fieldDeadlines.finite) return false;
    return body.fieldDeadlines.allExpired(now);
  }
}

function governsSome(deadline: Deadline, group: Cell | Elements): boolean {
  if (!(group instanceof Elements)) return governsCell(deadline, group);
  for (let at = 0; at < group.table.positions; at++) {
    if (group.isShown(at) && elementGoverned(deadline, group, at)) return true;
  }
  return false;
}

function elementGoverned(deadline: Deadline, elements: Elements, at: number): boolean {
  const { table } = elements;
  const reference = table.referenceAt(at);
  if (table.kind(reference) === SIMPLE) return governs(deadline, table.replica(reference), table.stamp(reference));
  return governsCell(deadline, elements.cellAt(at));
}

function groupHideAt(group: Cell | Elements, list: readonly Deadline[]): UnixMs {
  if (!(group instanceof Elements)) return cellHideAt(group, list);
  if (group.size === 0) return 0;
  if (list.length > 0 && list.every((each) => governsAll(each, group.writers))) {
    return list.reduce((latest, each) => Math.max(latest, each.deadline), 0);
  }
  let hideAt = 0;
  for (let at = 0; at < group.table.positions && hideAt < Number.POSITIVE_INFINITY; at++) {
    if (group.isShown(at)) hideAt = Math.max(hideAt, elementHideAt(group, at, list));
  }
  return hideAt;
}

export function elementHideAt(elements: Elements, at: number, list: readonly Deadline[]): UnixMs {
  const { table } = elements;
  const reference = table.referenceAt(at);
  if (table.kind(reference) === SIMPLE) return dotHideAt(table.replica(reference), table.stamp(reference), list);
  return cellHideAt(elements.cellAt(at), list);
}
