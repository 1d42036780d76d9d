/**
 * Tells an observer which keys change, and of those that txns of other replicas change, by which effects: what
 * client-side caches and keyspace notifications are made from. It stands between delivery and the keyspaces only while
 * somebody observes; else state.touched() asks whether there is an observer, and that is all.
 */

import type { Cancel } from './cell.ts';
import { unixMsOf } from './clock.ts';
import {
  type KeyObserver,
  type KeySight,
  KeyType,
  type RemoteChange,
  type RemoteEffect,
  type UnixMs,
} from './contract.ts';
import type { Keyspace } from './keyspace.ts';
import { Slice } from './slice.ts';
import { type State, watchName } from './state.ts';
import { streamEffectOf } from './stream-packing.ts';
import type { EffectTarget } from './txn.ts';

/** All effects on one key; a record, so that none can be forgotten. */
const EFFECTS: Readonly<Record<Exclude<keyof EffectTarget, 'databaseClear' | 'retire'>, true>> = {
  stringAssign: true,
  stringAdd: true,
  stringPrune: true,
  keyClear: true,
  keyExpire: true,
  hashAssign: true,
  hashAdd: true,
  hashRemove: true,
  fieldExpire: true,
  setAdd: true,
  setRemove: true,
  zsetAssign: true,
  zsetAdd: true,
  zsetRemove: true,
  listPush: true,
  listAssign: true,
  listRemove: true,
  streamAdd: true,
  streamAssign: true,
  streamRemove: true,
  streamTrim: true,
  streamDeliver: true,
  streamGroupClear: true,
};

/** A RemoteChange while its txn is being applied. */
interface Change extends RemoteChange {
  changed: boolean;
  readonly effects: RemoteEffect[];
  after: KeySight;
}

export class Observation {
  /** For delivery, in place of the keyspaces. */
  readonly targets: readonly EffectTarget[];
  private readonly state: State;
  private readonly observer: KeyObserver;
  private readonly shown: number;
  private readonly key = new Slice();
  /** What the txn that is being applied does, by key. */
  private readonly changes = new Map<string, Change>();
  private origin = -1;
  private stamp = -1;
  private current: Change | null = null;
  private clearing = false;

  /** `shown`: so many of the databases are the users'; what is behind them nobody is told of. */
  constructor(state: State, keyspaces: readonly Keyspace[], shown: number, observer: KeyObserver) {
    this.state = state;
    this.observer = observer;
    this.shown = shown;
    this.targets = keyspaces.map((keyspace, index) => (index < shown ? this.observed(keyspace) : keyspace));
  }

  /** From state.touched(). */
  changed(database: number, bytes: Buffer, start: number, end: number): void {
    if (database >= this.shown) return;
    if (this.current !== null) this.current.changed = true;
    else if (!this.clearing) this.observer.changed(database, this.key.set(bytes, start, end));
  }

  private observed(keyspace: Keyspace): EffectTarget {
    const target: Partial<Record<keyof EffectTarget, unknown>> = {
      retire: keyspace.retire.bind(keyspace),
      databaseClear: () => this.clear(keyspace),
    };
    for (const effect of Object.keys(EFFECTS) as (keyof typeof EFFECTS)[]) {
      const apply: (...operands: never[]) => void = keyspace[effect];
      target[effect] = (key: Slice, ...operands: unknown[]) => {
        const named = nameOf(effect, operands);
        this.apply(keyspace, key, named, () => Reflect.apply(apply, keyspace, [key, ...operands]));
      };
    }
    target.fieldExpire = (key: Slice, field: Slice, deadline: UnixMs, scope: readonly number[]) => {
      const effect = Number.isFinite(deadline) ? 'fieldExpire' : 'fieldPersist';
      this.apply(keyspace, key, effect, () => keyspace.fieldExpire(key, field, deadline, scope));
    };
    target.hashRemove = (key: Slice, field: Slice, cancels: readonly Cancel[]) => {
      const effect = this.isFieldExpired(keyspace, key, field) ? 'fieldExpired' : 'hashRemove';
      this.apply(keyspace, key, effect, () => keyspace.hashRemove(key, field, cancels));
    };
    return target as EffectTarget;
  }

  private isFieldExpired({ bodies }: Keyspace, key: Slice, field: Slice): boolean {
    const deadlines = bodies.findBody(key)?.fieldDeadlines;
    return deadlines != null && deadlines.hideAt(field.bytes, field.start, field.end) <= this.timeOfTxn();
  }

  /** The clock of who wrote the txn may be ahead of ours: what has expired there has expired. */
  private timeOfTxn(): UnixMs {
    return Math.max(this.state.now, unixMsOf(this.state.stamp));
  }

  private apply(keyspace: Keyspace, key: Slice, effect: RemoteEffect, apply: () => void): void {
    const change = this.changeOf(keyspace, key);
    const wasChanged = change.changed;
    this.current = change;
    try {
      apply();
    } finally {
      this.current = null;
    }
    change.after = this.sightOf(keyspace, key);
    if (!change.effects.includes(effect)) change.effects.push(effect);
    if (change.changed && !wasChanged) this.observer.applied(change);
  }

  private clear(keyspace: Keyspace): void {
    this.changes.clear();
    this.clearing = true;
    try {
      keyspace.databaseClear();
    } finally {
      this.clearing = false;
    }
    this.observer.cleared(keyspace.index);
  }

  private changeOf(keyspace: Keyspace, key: Slice): Change {
    const { origin, stamp } = this.state;
    if (origin !== this.origin || stamp !== this.stamp) {
      this.changes.clear();
      this.origin = origin;
      this.stamp = stamp;
    }
    const name = watchName(keyspace.index, key.bytes, key.start, key.end);
    const known = this.changes.get(name);
    if (known !== undefined) return known;
    const before = this.sightOf(keyspace, key);
    const change = { database: keyspace.index, key: key.copy(), before, after: before, effects: [], changed: false };
    this.changes.set(name, change);
    return change;
  }

  private sightOf({ keys, bodies, expiry }: Keyspace, key: Slice): KeySight {
    const at = keys.table.find(key.bytes, key.start, key.end);
    if (at < 0 || !keys.isShown(at)) return ABSENT;
    const deadline = expiry.hasDeadline(at)
      ? expiry.deadlines.hideAt(key.bytes, key.start, key.end)
      : Number.POSITIVE_INFINITY;
    const now = this.timeOfTxn();
    const expired = deadline <= now || expiry.fieldsExpired(at, now);
    return { type: bodies.typeAt(at), deadline, expired };
  }
}

/** Effects on elements of streams go by what the element is. */
function nameOf(effect: keyof typeof EFFECTS, [name]: readonly unknown[]): RemoteEffect {
  if (effect !== 'streamAssign' && effect !== 'streamRemove') return effect;
  return name instanceof Slice ? streamEffectOf(name, effect === 'streamRemove') : 'streamNote';
}

const ABSENT: KeySight = { type: KeyType.none, deadline: Number.POSITIVE_INFINITY, expired: false };
