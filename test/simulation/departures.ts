/**
 * Machines that leave for ever, and machines that are forgotten and come back. Somebody is told MESH FORGET, once, as an
 * operator would tell it; the others must get to know of it. What was told to whom is kept, for the checks at the end.
 */
import { SimulatedClient } from './client.ts';
import type { Medium } from './disk.ts';
import { addressOf, type Machine } from './machine.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const AGAIN_MS = 500;
/** Nobody may ever have heard of a machine that is forgotten. */
const ATTEMPTS_MAX = 20;
/** After healing, all that find each other by themselves have by then: the longest pause between two dials is 30 s. */
const JOIN_MS = 20_000;
/** After healing, so long is given to notes to get around before somebody looks whether one was lost. */
const SPREAD_MS = 20_000;

/** A machine was forgotten: under which replica id, and where that was noted. */
interface Forgetting {
  readonly machine: Machine;
  readonly replica: string;
  readonly by: Machine;
  readonly medium: Medium;
  /** Its disk took nothing just then: a crash forgets it. */
  readonly unwritten: boolean;
}

export class Departures {
  private readonly world: World;
  private readonly machines: readonly Machine[];
  private readonly random: Random;
  private readonly forgettings: Forgetting[] = [];
  private healed = false;

  constructor(world: World, machines: readonly Machine[], random: Random) {
    this.world = world;
    this.machines = machines;
    this.random = random;
  }

  /** One may leave for ever as long as two are left, of those whose clocks are right. */
  mayLeave(machine: Machine): boolean {
    return !machine.wild && this.machines.filter(({ gone, wild }) => !gone && !wild).length > 2;
  }

  /** Somebody who knows the machine is told to forget it, in a while. */
  forget(machine: Machine, delayMs: number): void {
    let attempts = 0;
    const attempt = () => {
      if (!machine.gone && (this.healed || ++attempts > ATTEMPTS_MAX)) return;
      const knowing = this.machines.filter((each) => each !== machine && knows(each, machine, this.world.nowMs));
      if (knowing.length === 0) this.world.schedule(AGAIN_MS, null, attempt);
      else this.ask(this.random.pick(knowing), machine, attempt);
    };
    this.world.schedule(delayMs, null, attempt);
  }

  /** Somebody is told to forget another, whoever that is. */
  forgetSomebody(by: Machine, delayMs: number): void {
    this.world.schedule(delayMs, null, () => {
      const known = this.machines.filter((each) => each !== by && !each.gone && knows(by, each, this.world.nowMs));
      if (known.length > 0 && !this.healed) this.ask(by, this.random.pick(known), () => {});
    });
  }

  private ask(by: Machine, machine: Machine, otherwise: () => void): void {
    const { node } = by;
    if (node === null) return;
    const replica = node.mesh.members().find(({ peerId }) => peerId === machine.peerId)?.replica ?? '';
    const { medium } = by;
    by.as(() => {
      new SimulatedClient(node.server).ask([['MESH', 'FORGET', machine.peerId]], ([reply]) => {
        if (reply !== 'OK') this.world.schedule(AGAIN_MS, null, otherwise);
        else this.forgettings.push({ machine, replica, by, medium, unwritten: medium.trouble !== null });
      });
    });
  }

  /** Nobody is told to forget any more who is to stay; but an operator looks whether one that has left is still listed. */
  heal(): void {
    if (this.healed) return;
    this.healed = true;
    this.world.schedule(JOIN_MS, null, () => this.joinStranded());
    this.world.schedule(SPREAD_MS, null, () => {
      for (const machine of this.machines) {
        if (machine.gone && this.isToTellAgain(machine)) this.forget(machine, 0);
      }
    });
  }

  /** No note of it may be left; or somebody lists it under an id that nobody named, which counts as a return. */
  private isToTellAgain(machine: Machine): boolean {
    const told = this.forgettings.filter((each) => each.machine === machine);
    if (told.every((each) => mayBeLost(each))) return true;
    const named = new Set(told.map(({ replica }) => replica));
    const listed = this.machines.flatMap(({ node }) => node?.mesh.members() ?? []);
    return listed.some(({ peerId, replica }) => peerId === machine.peerId && !named.has(replica));
  }

  /** All that the others know of those may have left, or they have forgotten each other: an operator has to tell them. */
  private joinStranded(): void {
    const running = this.machines.filter(({ node }) => node !== null);
    const reached = new Set(running.slice(0, 1));
    for (const one of reached) {
      for (const other of running)
        if (knows(one, other, this.world.nowMs) || knows(other, one, this.world.nowMs)) reached.add(other);
    }
    for (const machine of running) {
      const { node } = machine;
      if (node === null || reached.has(machine)) continue;
      machine.as(() => new SimulatedClient(node.server).ask([['MESH', 'JOIN', addressOf(running[0])]], () => {}));
    }
  }

  /** Nobody counts a machine that has left for ever as a member. */
  areForgotten(): boolean {
    const left = this.machines.filter(({ gone }) => gone);
    return this.machines.every((each) => left.every((machine) => !knows(each, machine, this.world.nowMs)));
  }

  /** I10: who was forgotten does not go on under its old replica id. */
  areFenced(): boolean {
    return this.forgettings.every((each) => mayBeLost(each) || each.machine.node?.engine.replica !== each.replica);
  }

  /** In words, for a run that has failed. */
  standing(): string {
    const lines = this.forgettings.map(
      ({ machine, replica, by }) => `${by.name} has forgotten ${machine.name} as ${replica.slice(0, 4)}`,
    );
    const left = this.machines.filter(({ gone }) => gone).map(({ name }) => `${name} has left`);
    return [...left, ...lines].join(', ');
  }
}

/** The only note of it may be gone, with the one who had it or its disk. */
function mayBeLost({ by, medium, unwritten }: Forgetting): boolean {
  return by.gone || by.medium !== medium || unwritten;
}

function knows(one: Machine, other: Machine, nowMs: number): boolean {
  const { node } = one;
  if (node === null || node.process.stoppedUntilMs > nowMs) return false;
  return node.mesh.members().some(({ peerId }) => peerId === other.peerId);
}
