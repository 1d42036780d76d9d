/** CRDT INSPECT: everything that stands under one key, hidden parts and concurrent values included. */
import { exactAmount } from './amount.ts';
import { type Inspection, KeyType, type ReplicaId, type Stamp, type UnixMs } from './contract.ts';
import type { Deadline } from './deadlines.ts';
import type { Elements } from './elements.ts';
import type { Keyspace } from './keyspace.ts';
import { Slice } from './slice.ts';
import type { State } from './state.ts';
import { showName } from './types/stream-names.ts';
import { showValue } from './types/stream-values.ts';

const NOTHING = Buffer.alloc(0);

export function inspectKey(state: State, keyspace: Keyspace, key: Slice): Inspection | null {
  const { table } = keyspace.keys;
  const at = table.find(key.bytes, key.start, key.end);
  if (at < 0) return null;
  const body = keyspace.bodies.bodyAt(at);
  const fields = body?.fieldDeadlines ?? null;
  const shown = (list: readonly Deadline[]) => list.map((each) => showDeadline(state, each));
  const element = (elements: Elements, place: number): Inspection['parts'][number]['elements'][number] => {
    const cell = elements.cellAt(place);
    const name =
      elements === keyspace.keys ? null : elements.table.fillKey(elements.table.referenceAt(place), new Slice()).copy();
    return {
      name: elements.type === KeyType.string ? null : name,
      values: cell.siblings.map(({ replica, stamp, value }) => ({
        replica: state.replicas.ids[replica],
        stamp,
        value,
      })),
      counters: cell.tallies.map(({ replica, stamp, sum, cancelSum }) => ({
        replica: state.replicas.ids[replica],
        stamp,
        sum: exactAmount(sum),
        cancelled: exactAmount(cancelSum),
      })),
      deadlines: name === null || fields === null ? [] : shown(fields.list(name, 0, name.length)),
    };
  };
  const parts: Inspection['parts'] = [];
  if (body === undefined) parts.push({ type: KeyType.string, elements: [element(keyspace.keys, at)] });
  for (const part of body?.parts ?? []) {
    const elements: Inspection['parts'][number]['elements'] = [];
    for (let place = 0; place < part.table.positions; place++) {
      if (part.table.referenceAt(place) !== 0) elements.push(element(part, place));
    }
    // their names are in the order of the list, or stream, as bytes
    if (part.type === KeyType.list || part.type === KeyType.stream)
      elements.sort((a, b) => (a.name ?? NOTHING).compare(b.name ?? NOTHING));
    if (part.type === KeyType.stream) for (const each of elements) showItem(each);
    parts.push({ type: part.type, elements });
  }
  const type = keyspace.keys.isShown(at) ? keyspace.bodies.typeAt(at) : KeyType.none;
  return { type, deadlines: shown(keyspace.expiry.deadlines.list(key.bytes, key.start, key.end)), parts };
}

/** What makes up a stream has names and values in bytes of its own. */
function showItem(element: Inspection['parts'][number]['elements'][number]): void {
  const name = element.name ?? NOTHING;
  for (const each of element.values) each.value = showValue(name, each.value);
  element.name = showName(name);
}

function showDeadline(
  state: State,
  { replica, stamp, deadline }: Deadline,
): { replica: ReplicaId; stamp: Stamp; deadline: UnixMs | 'persist' } {
  return { replica: state.replicas.ids[replica], stamp, deadline: Number.isFinite(deadline) ? deadline : 'persist' };
}
