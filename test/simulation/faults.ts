/** What goes wrong in a run: each seed draws which kinds, and when. Everything is counted, for the figures in the docs. */

import { Slice } from '../../src/core/index.ts';
import type { Clients } from './clients.ts';
import type { Departures } from './departures.ts';
import type { History } from './history.ts';
import { type Machine, numberIn } from './machine.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import { KEEPSAKES_DATABASE, Keepsakes } from './workload.ts';
import type { World } from './world.ts';

/** With `everysec` so much may be lost: the second, and what syncing takes. */
const EVERYSEC_WINDOW_MS = 2500;
const CLOCK_JUMP_MS = 10_000;
const SLOW_BYTES_PER_MS = 5;
/** A byte flips where there is something that is on disk already: looked for so often. */
const FLIP_TRIES = 6;

export const FAULT_KINDS = [
  'partition',
  'one-way cut',
  'reset connection',
  'deaf gossip',
  'slow path',
  'kill',
  'power cut',
  'clean restart',
  'pause',
  'disk error',
  'disk full',
  'clock jump',
  'restored backup',
  'cloned directory',
  'late joiner',
  'leaves for ever',
  'forgotten and comes back',
  'flipped byte',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultPlan {
  readonly kinds: readonly FaultKind[];
  readonly meanMs: number;
}

export class Faults {
  readonly counts = new Map<FaultKind, number>();
  private readonly world: World;
  private readonly network: Network;
  private readonly machines: Machine[];
  private readonly clients: Clients;
  private readonly history: History;
  private readonly random: Random;
  private readonly policy: string;
  private readonly addMachine: () => Machine | null;
  private readonly departures: Departures;
  private active = true;
  /** Keys of which a byte was changed, and where. */
  private readonly flipped = new Map<string, Set<Machine>>();
  /** Between when a machine's disk took nothing, perhaps. */
  private readonly troubles = new Map<Machine, { sinceMs: number; untilMs: number }>();

  constructor(options: {
    world: World;
    network: Network;
    machines: Machine[];
    clients: Clients;
    history: History;
    random: Random;
    policy: string;
    addMachine: () => Machine | null;
    departures: Departures;
  }) {
    this.world = options.world;
    this.network = options.network;
    this.machines = options.machines;
    this.clients = options.clients;
    this.history = options.history;
    this.random = options.random;
    this.policy = options.policy;
    this.addMachine = options.addMachine;
    this.departures = options.departures;
  }

  /** Bytes have flipped in this run. */
  get damaging(): boolean {
    return this.flipped.size > 0;
  }

  begin({ kinds, meanMs }: FaultPlan): void {
    if (kinds.length === 0) return;
    const next = () => {
      if (!this.active) return;
      const kind = this.random.pick(kinds);
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
      this.strike(kind);
      this.world.schedule(this.random.exponential(meanMs), null, next);
    };
    this.world.schedule(this.random.exponential(meanMs), null, next);
  }

  /** All that can be mended is, and everybody runs. */
  heal(): void {
    this.active = false;
    this.departures.heal();
    for (const machine of this.machines) {
      machine.medium.trouble = null;
      machine.medium.failsAfter = Number.POSITIVE_INFINITY;
      if (machine.process !== null) this.world.resume(machine.process);
      for (const other of this.machines) if (other !== machine) this.mend(machine.index, other.index);
      if (!machine.running) machine.start();
    }
  }

  private mend(from: number, to: number): void {
    const path = this.network.path(from, to);
    path.bytesPerMs = Math.max(path.bytesPerMs, 1000);
    path.delayMs = Math.min(path.delayMs, 50);
    path.tail = Math.min(path.tail, 0.01);
    this.network.setCut(from, to, false);
  }

  private strike(kind: FaultKind): void {
    const { random } = this;
    const machine = random.pick(this.machines);
    const other = random.pick(this.machines);
    switch (kind) {
      case 'partition':
        this.partition();
        return;
      case 'one-way cut':
        if (machine !== other) this.cutFor([[machine.index, other.index]], this.random.exponential(4000));
        return;
      case 'reset connection':
        this.network.dropConnections(machine.index, other.index);
        return;
      case 'deaf gossip':
        for (const connection of this.network.nodes.get(machine.index)?.connections ?? []) connection.deaf = true;
        return;
      case 'slow path':
        this.slow(machine, other);
        return;
      case 'kill':
      case 'power cut':
        this.crash(machine, kind === 'power cut');
        return;
      case 'clean restart':
        this.restart(machine);
        return;
      case 'pause':
        this.pause(machine);
        return;
      case 'disk error':
        machine.medium.failsAfter = random.below(20);
        // whenever that write may come
        this.trouble(machine, Number.POSITIVE_INFINITY);
        return;
      case 'disk full':
        this.fillDisk(machine);
        return;
      case 'clock jump':
        machine.clock.offsetMs = random.between(-CLOCK_JUMP_MS, CLOCK_JUMP_MS);
        return;
      case 'restored backup':
        this.restore(machine);
        return;
      case 'cloned directory':
        this.clone(machine);
        return;
      case 'late joiner':
        this.join();
        return;
      case 'leaves for ever':
        this.leave(machine);
        return;
      case 'forgotten and comes back':
        this.forget(machine);
        return;
      case 'flipped byte':
        this.counts.set(kind, (this.counts.get(kind) ?? 0) - 1);
        this.flip(FLIP_TRIES);
        return;
    }
  }

  private partition(): void {
    const side = new Set(this.machines.filter(() => this.random.chance(0.5)));
    const pairs: [number, number][] = [];
    for (const one of this.machines) {
      for (const other of this.machines) if (side.has(one) !== side.has(other)) pairs.push([one.index, other.index]);
    }
    this.cutFor(pairs, this.random.exponential(6000));
  }

  private cutFor(pairs: readonly (readonly [number, number])[], ms: number): void {
    for (const [from, to] of pairs) this.network.setCut(from, to, true);
    this.world.schedule(ms, null, () => {
      for (const [from, to] of pairs) this.network.setCut(from, to, false);
    });
  }

  private slow(machine: Machine, other: Machine): void {
    const path = this.network.path(machine.index, other.index);
    const { bytesPerMs, delayMs } = path;
    if (bytesPerMs < SLOW_BYTES_PER_MS * 10) return;
    path.bytesPerMs = SLOW_BYTES_PER_MS;
    path.delayMs = 200;
    this.world.schedule(this.random.exponential(4000), null, () => {
      path.bytesPerMs = bytesPerMs;
      path.delayMs = delayMs;
    });
  }

  private crash(machine: Machine, power: boolean, meanMs = 2000): void {
    if (!machine.running) return;
    this.excuse(machine, this.world.nowMs - this.window(machine));
    // what its disk has not got goes with its memory
    if (machine.node?.store.isDurable !== true) this.excuseDamage(machine);
    machine.crash(power);
    this.world.schedule(this.random.exponential(meanMs), null, () => machine.start());
  }

  /**
   * It never comes back, and some time later it is forgotten. What perhaps only it had on disk is excused: of its own, and of
   * what it had from those that have left before.
   */
  private leave(machine: Machine): void {
    if (machine.gone || !this.departures.mayLeave(machine)) return;
    // nobody waits at the end for what only one has whose clock is wrong
    const others = this.machines.filter((each) => each !== machine && !each.gone && !each.wild);
    const vectors = others.map(({ node }) => (node?.store.isDurable === true ? node.engine.vector() : []));
    for (const call of this.history.calls) {
      if (call.machine !== machine.index && !this.machines[call.machine].gone) continue;
      const isElsewhere = vectors.some((vector) =>
        call.txns.every(({ replica, number }) => numberIn(vector, replica) >= number),
      );
      const isKept = this.policy === 'always' && this.clients.disksKeep;
      if (!isElsewhere || !isKept) call.excused = true;
    }
    this.excuseDamage(machine);
    machine.crash(this.random.chance(0.5));
    machine.gone = true;
    this.departures.forget(machine, this.random.exponential(3000));
  }

  /** It is down, cut off, or just there; somebody forgets it, and it comes back. */
  private forget(machine: Machine): void {
    const { random, departures } = this;
    if (machine.gone) return;
    switch (random.pick(['stopped', 'stopped', 'crashed', 'cut off', 'cut off', 'there'])) {
      case 'stopped':
        this.restart(machine, 5000);
        break;
      case 'crashed':
        this.crash(machine, random.chance(0.5), 5000);
        break;
      case 'cut off':
        this.cutFor(
          this.machines.filter((each) => each !== machine).flatMap((each) => bothWays(machine.index, each.index)),
          random.exponential(5000),
        );
        if (random.chance(0.3)) departures.forgetSomebody(machine, random.exponential(1500));
    }
    departures.forget(machine, random.exponential(1500));
  }

  /** How far back what is acknowledged may be lost when the machine goes down now. */
  private window(machine: Machine): number {
    if (this.policy === 'always') return 0;
    if (this.policy === 'no') return Number.POSITIVE_INFINITY;
    const trouble = this.troubles.get(machine);
    const { nowMs } = this.world;
    if (trouble === undefined || trouble.untilMs < nowMs - 2 * EVERYSEC_WINDOW_MS) return EVERYSEC_WINDOW_MS;
    return nowMs - trouble.sinceMs + EVERYSEC_WINDOW_MS;
  }

  /** What the machine's clients were told since then may be lost. */
  private excuse(machine: Machine, sinceMs: number): void {
    for (const call of this.history.calls) {
      if (call.machine === machine.index && call.answeredMs > sinceMs) call.excused = true;
    }
  }

  /** What the machine has goes. Of what is damaged elsewhere and whole on no other one, nobody can get a sound copy. */
  private excuseDamage(machine: Machine): void {
    for (const key of this.flipped.keys()) {
      if (this.isWholeElsewhere(key, machine)) continue;
      for (const call of this.history.calls) {
        if (call.family === 'keepsakes' && Keepsakes.left(call.commands)[0] === key) call.unmendable = true;
      }
    }
  }

  private restart(machine: Machine, meanMs = 500): void {
    if (machine.node === null) return;
    // a shutdown that cannot write tells so, and what it loses is excused as at a crash
    const sinceMs = this.policy === 'always' ? this.world.nowMs : this.world.nowMs - this.window(machine);
    if (machine.medium.trouble !== null || machine.node.store.failure !== null) {
      this.excuse(machine, sinceMs);
      this.excuseDamage(machine);
    }
    machine.as(() => {
      void machine.stop().then(
        () => this.world.schedule(this.random.exponential(meanMs), null, () => machine.start()),
        (error: unknown) => this.world.faults.push(error),
      );
    });
  }

  private fillDisk(machine: Machine): void {
    machine.medium.trouble = this.random.chance(0.5) ? 'No space left on device' : 'Input/output error';
    const { medium } = machine;
    const ms = this.random.exponential(3000);
    this.trouble(machine, this.world.nowMs + ms);
    this.world.schedule(ms, null, () => {
      medium.trouble = null;
    });
  }

  /** What it has answered and not written yet stays so for as long as it is stopped. */
  private pause(machine: Machine): void {
    if (machine.process === null) return;
    machine.process.stoppedUntilMs = this.world.nowMs + this.random.exponential(3000);
    this.trouble(machine, machine.process.stoppedUntilMs);
  }

  private trouble(machine: Machine, untilMs: number): void {
    const { nowMs } = this.world;
    const last = this.troubles.get(machine);
    const known = last !== undefined && last.untilMs >= nowMs - 2 * EVERYSEC_WINDOW_MS ? last : undefined;
    this.troubles.set(machine, {
      sinceMs: Math.min(known?.sinceMs ?? Number.POSITIVE_INFINITY, nowMs),
      untilMs: Math.max(known?.untilMs ?? 0, untilMs),
    });
  }

  /** The directory is put back to what it was some seconds ago. What nobody else had heard of by then is lost. */
  private restore(machine: Machine): void {
    const copy = machine.medium.copy();
    const takenMs = this.world.nowMs;
    this.world.schedule(this.random.exponential(5000), null, () => {
      if (!this.active) return;
      this.excuseDamage(machine);
      machine.crash(true);
      this.excuse(machine, takenMs - this.window(machine));
      machine.medium = copy;
      this.world.schedule(this.random.exponential(1000), null, () => machine.start());
    });
  }

  /** A second machine starts on a copy of the directory. */
  private clone(machine: Machine): void {
    const copy = machine.medium.copy();
    const added = this.addMachine();
    if (added === null) return;
    added.medium = copy;
    added.start();
    this.clients.add(added);
  }

  /**
   * One byte of what stands in memory under a key changes: of a key that nobody writes or reads meanwhile (what a command
   * makes of damaged data before the node has found it is data, and nothing can tell), that the machine's disk has as it
   * was, and that some other machine has, on which it was never damaged.
   */
  private flip(tries: number): void {
    if (!this.active || tries === 0) return;
    const machine = this.random.pick(this.machines);
    if (machine.as(() => this.flipIn(machine)))
      this.counts.set('flipped byte', (this.counts.get('flipped byte') ?? 0) + 1);
    else this.world.schedule(this.random.exponential(500), null, () => this.flip(tries - 1));
  }

  private flipIn(machine: Machine): boolean {
    const { node } = machine;
    if (node === null || machine.wild || this.machines.length < 2) return false;
    const { engine } = node;
    const fresh: string[] = [];
    const damagedElsewhere: string[] = [];
    engine.databases[KEEPSAKES_DATABASE].forEachKey((name) => {
      const key = name.latin1();
      if (!this.isWholeElsewhere(key, machine)) return;
      const where = this.flipped.get(key);
      if (where === undefined) fresh.push(key);
      else if (!where.has(machine)) damagedElsewhere.push(key);
    });
    const keys = damagedElsewhere.length > 0 && this.random.chance(0.5) ? damagedElsewhere : fresh;
    if (keys.length === 0) return false;
    const key = this.random.pick(keys);
    // what flips between a write and the count of its digest is not seen
    engine.digest();
    const flip = { place: this.random.below(1000), mask: 1 + this.random.below(255), storedOnly: true };
    if (!engine.flipByte(KEEPSAKES_DATABASE, Slice.of(key), flip)) return false;
    const where = this.flipped.get(key) ?? new Set();
    this.flipped.set(key, where.add(machine));
    return true;
  }

  private isWholeElsewhere(key: string, machine: Machine): boolean {
    const where = this.flipped.get(key);
    return this.machines.some((other) => {
      if (other === machine || other.wild || other.node === null || where?.has(other)) return false;
      return other.node.engine.databases[KEEPSAKES_DATABASE].typeOf(Slice.of(key)) !== 0;
    });
  }

  private join(): void {
    const added = this.addMachine();
    if (added === null) return;
    added.start();
    this.clients.add(added);
  }
}

function bothWays(one: number, other: number): [number, number][] {
  return [
    [one, other],
    [other, one],
  ];
}
