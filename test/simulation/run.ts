/**
 * One run by seed: a cluster under a mix of work and faults that the seed draws, then everything heals, the clients rest,
 * and all must converge and keep every promise. The same seed gives the same run, down to its hash.
 */
import {
  areLogsCut,
  checkAgreement,
  checkBounds,
  checkEnd,
  checkSpecification,
  isCollected,
  isConverged,
  isMended,
  isPatienceOver,
  isRetired,
} from './checkers.ts';
import { Clients } from './clients.ts';
import { Departures } from './departures.ts';
import { FAULT_KINDS, type FaultKind, Faults } from './faults.ts';
import { History, Violation } from './history.ts';
import { MACHINES_MAX, Machine, type Node, type Settings } from './machine.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { TransferCuts } from './transfer-cuts.ts';
import { Free, families, Keepsakes } from './workload.ts';
import { World } from './world.ts';

/** Healed, all converge within so much virtual time: the longest pause between two dials is 30 s. */
const CONVERGE_MS_MAX = 60_000;
/** Then what is collected once all members know is collected within this. */
const COLLECT_MS_MAX = 30_000;
/** And by then all know who has left. */
const FORGET_MS_MAX = 60_000;
/** What can never be applied is given up within this. */
const PATIENCE_MS_MAX = 150_000;
/** Damage in memory is found and mended within this. */
const MEND_MS_MAX = 90_000;
const LOOK_MS = 700;
/** With a log that small there are state transfers. */
const TRANSFERS_BELOW = 1024 * 1024;
const PAGE_BYTES = 200 * 1024;
/** An envelope waits for 10 ms after the one before. */
const UTILIZATION = 0.784;
/** Who was away for a second then, needs a state transfer. */
const FORGETFUL = { checkpointIntervalMs: 700, logBytesMax: 1024, memoryLogBytesMax: 1024 };
/** Added to the seed: far from all other seeds. */
const TRANSFER_CUT_STREAM = 2 ** 50;
const FOLDING_STREAM = 2 ** 51;
const COMPRESSION_STREAM = 2 ** 52;
/** Of all runs: in these nothing else happens. What goes wrong with it takes much: a log too short, a cancelled counter. */
const FORGETTING = 0.1;

export interface RunOptions {
  readonly seed: number;
  /** Drawn by the seed if not given. */
  readonly nodes?: number;
}

export interface RunResult {
  readonly seed: number;
  readonly hash: number;
  readonly nodes: number;
  readonly events: number;
  readonly messages: number;
  readonly calls: number;
  readonly txns: number;
  readonly virtualMs: number;
  /** From healing until all had applied the same. */
  readonly convergedMs: number;
  readonly transfers: number;
  /** State transfers that were cut off in the middle, and those that went on with what such had brought. */
  readonly transfersCut: number;
  readonly transfersResumed: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** Why the run failed; null if every promise was kept. */
  readonly failure: string | null;
}

export async function runSeed({ seed, nodes }: RunOptions): Promise<RunResult> {
  const world = new World(seed);
  world.install();
  try {
    return await new Run(world, seed, nodes).go();
  } finally {
    world.uninstall();
  }
}

class Run {
  private readonly world: World;
  private readonly seed: number;
  private readonly random: Random;
  private readonly history = new History();
  private readonly network: Network;
  private readonly machines: Machine[] = [];
  private readonly settings: Settings;
  private readonly clients: Clients;
  private readonly faults: Faults;
  private readonly departures: Departures;
  private readonly transferCuts: TransferCuts;
  private readonly cutsTransfers: boolean;
  private kinds: readonly FaultKind[];
  private readonly durationMs: number;
  private readonly clientCount: number;

  constructor(world: World, seed: number, nodes: number | undefined) {
    this.world = world;
    this.seed = seed;
    this.random = world.random;
    const { random } = this;
    if (random.chance(FORGETTING)) this.kinds = ['forgotten and comes back'];
    else this.kinds = random.chance(0.05) ? [] : FAULT_KINDS.filter(() => random.chance(0.35));
    this.durationMs = random.between(1500, 9000);
    world.granularityMs = random.chance(0.3) ? 50 : 1;
    // of its own, so that seeds keep what they draw otherwise
    const cutting = new Random(seed + TRANSFER_CUT_STREAM);
    const drawn = drawSettings(random);
    this.cutsTransfers = drawn.pageBytes < PAGE_BYTES && cutting.chance(0.6);
    const unfoldedMax = new Random(seed + FOLDING_STREAM).pick([0, 0, 60, undefined]);
    const compression = new Random(seed + COMPRESSION_STREAM).pick(['auto', 'yes', 'no'] as const);
    this.settings = { ...drawn, ...(this.cutsTransfers ? FORGETFUL : {}), unfoldedMax, compression };
    // a state transfer into a node makes data of what is damaged there and not yet found
    if (this.settings.logBytesMax < TRANSFERS_BELOW) this.kinds = this.kinds.filter((kind) => kind !== 'flipped byte');
    this.network = drawNetwork(world, random.fork());
    const always = this.settings.appendfsync === 'always';
    const rules = {
      always,
      thinkMs: random.weighted([
        [3, 0.3],
        [20, 1],
        [60, 3],
        [200, 2],
      ]),
      families: families().flatMap((family) => {
        const weight = random.chance(0.6) ? random.between(0.2, 3) : 0;
        return weight === 0 ? [] : [[family, weight] as const];
      }),
    };
    if (this.kinds.includes('flipped byte')) rules.families.push([new Keepsakes(), 1]);
    if (rules.families.length === 0) rules.families.push([new Free(), 1]);
    this.clients = new Clients(world, this.history, rules, random.fork());
    const count =
      nodes ??
      random.weighted([
        [2, 4],
        [3, 5],
        [4, 2],
        [5, 1],
        [7, 0.3],
        [9, 0.2],
      ]);
    const skewed = random.chance(0.3);
    for (let i = 0; i < count; i++) {
      const machine = this.addMachine();
      if (machine === null || !skewed) continue;
      machine.clock.offsetMs = random.between(-5000, 5000);
      machine.clock.drift = random.between(-0.01, 0.01);
    }
    if (random.chance(0.06)) this.makeWild(random.pick(this.machines));
    const wild = this.machines.some((machine) => machine.wild);
    this.clients.clocksAgree = !wild && !skewed && !this.kinds.includes('clock jump');
    this.clients.disksKeep = !this.kinds.includes('restored backup');
    this.clients.membersStay =
      !this.kinds.includes('forgotten and comes back') && !this.kinds.includes('leaves for ever');
    this.clientCount = count + random.below(count + 1);
    this.departures = new Departures(world, this.machines, random.fork());
    this.faults = new Faults({
      ...{ world, network: this.network, machines: this.machines, clients: this.clients, history: this.history },
      ...{ random: random.fork(), policy: this.settings.appendfsync, addMachine: () => this.addMachine() },
      departures: this.departures,
    });
    this.transferCuts = new TransferCuts(world, this.network, this.machines, cutting);
  }

  /** A clock that is a year ahead, and stays so. A clone of such a machine would be another. */
  private makeWild(machine: Machine): void {
    machine.wild = true;
    machine.clock.offsetMs = 365 * 24 * 3_600_000;
    this.kinds = this.kinds.filter((kind) => kind !== 'cloned directory' && kind !== 'clock jump');
  }

  async go(): Promise<RunResult> {
    const { world, clients, machines, random } = this;
    for (const machine of machines) {
      if (random.chance(0.8)) machine.start();
      else world.schedule(random.between(0, this.durationMs / 2), null, () => machine.start());
    }
    for (let i = 0; i < this.clientCount; i++) clients.add(machines[i % machines.length]);
    if (this.cutsTransfers) this.transferCuts.begin();
    this.faults.begin({ kinds: this.kinds, meanMs: random.between(300, 3000) });
    this.look();
    let failure: string | null = null;
    let convergedMs = 0;
    try {
      await this.until(this.durationMs);
      clients.working = false;
      this.transferCuts.end();
      this.faults.heal();
      const healedMs = world.nowMs;
      // what was on its way when the clients went to rest is answered within this
      await this.until(healedMs + 500);
      this.faults.heal();
      await this.within(CONVERGE_MS_MAX, 'I14: not converged', () => isConverged(machines));
      convergedMs = world.nowMs - healedMs;
      // what has waited for txns of somebody who was away may be applied meanwhile, on one node first
      await this.within(
        MEND_MS_MAX,
        'I16: not mended',
        () => isMended(machines, this.history) && isConverged(machines),
      );
      checkEnd(machines, this.history);
      const { departures, settings } = this;
      await this.within(FORGET_MS_MAX, 'I11: one that has left is still counted', () => departures.areForgotten());
      await this.within(FORGET_MS_MAX, 'I10: goes on under a forgotten replica id', () => departures.areFenced());
      await this.within(COLLECT_MS_MAX, 'I11: a log is over its limit', () =>
        areLogsCut(machines, settings.logBytesMax),
      );
      await this.within(COLLECT_MS_MAX, 'I11: former ids stay', () => isRetired(machines) && isConverged(machines));
      await this.within(COLLECT_MS_MAX, 'I8: not collected', () => isCollected(machines) && isConverged(machines));
      // what has waited may be applied at last, on one node first
      await this.within(
        PATIENCE_MS_MAX,
        'I11: envelopes still wait',
        () => isPatienceOver(machines) && isConverged(machines),
      );
      checkEnd(machines, this.history);
    } catch (error) {
      failure = explain(error);
    }
    for (const machine of machines) world.noteText(machine.node?.engine.digest() ?? '-');
    return this.result(failure, convergedMs);
  }

  /** Runs until then; what went wrong meanwhile is thrown. */
  private async until(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    const { world } = this;
    const reached = await world.run(untilMs, () => world.faults.length > 0 || done());
    if (world.faults.length > 0) throw world.faults[0];
    return reached;
  }

  private async within(ms: number, otherwise: string, done: () => boolean): Promise<void> {
    // asked now and then: it costs more than an event
    const endMs = this.world.nowMs + ms;
    while (!done()) {
      if (this.world.nowMs >= endMs) throw new Violation(`${otherwise} within ${ms} ms\n${this.standing()}`);
      await this.until(this.world.nowMs + 100);
    }
  }

  private standing(): string {
    return this.machines
      .map(({ name, node }) => {
        const vector = node?.engine.vector().map(({ replica, number }) => `${replica.slice(0, 4)}:${number}`);
        const peers = node?.mesh.peers().map(({ peerId, state }) => `${peerId.slice(-4)} ${state}`);
        const { waitingEnvelopes, pendingCollection, heldCollection } = node?.engine.statistics ?? {};
        return `${name} ${node === null ? 'down' : ''} ${vector?.join(' ')} | ${peers?.join(', ')} | waiting ${waitingEnvelopes}, pending ${pendingCollection}, held ${heldCollection}`;
      })
      .concat(this.departures.standing())
      .join('\n');
  }

  /** Looks at all nodes now and then, while it goes on. */
  private look(): void {
    this.world.schedule(this.random.exponential(LOOK_MS), null, () => {
      checkAgreement(this.machines, this.faults.damaging);
      checkBounds(this.machines);
      if (this.random.chance(0.2)) checkSpecification(this.machines, this.history);
      this.look();
    });
  }

  private addMachine(): Machine | null {
    const { machines, world, history, clients } = this;
    if (machines.length >= Math.min(MACHINES_MAX, 9)) return null;
    const witness = {
      committed: (machine: Machine, node: Node) => {
        const { engine } = node;
        history.commit(engine.vector(), engine.replica, machine.index, world.wallMs(machine.clock), clients.running);
      },
      sealed: (_machine: Machine, replica: string, first: number, last: number, bytes: Uint8Array) =>
        history.envelope(replica, first, last, bytes),
      warned: (machine: Machine, message: string) => {
        if (/DIVERGENCE/.test(message) && this.faults.damaging) return;
        if (/DIVERGENCE|met an error|failed: /.test(message) && !/checkpoint failed/i.test(message))
          world.faults.push(new Violation(`${machine.name} warns: ${message}`));
      },
    };
    const machine = new Machine(machines.length, world, this.network, this.settings, witness, this.random.fork());
    machines.push(machine);
    return machine;
  }

  private result(failure: string | null, convergedMs: number): RunResult {
    const { world, history, machines, network } = this;
    return {
      seed: this.seed,
      hash: world.hash >>> 0,
      nodes: machines.length,
      events: world.events,
      messages: network.messages + network.gossipSent,
      calls: history.calls.length,
      txns: history.txns.length,
      virtualMs: world.nowMs,
      convergedMs,
      transfers: sumOf(machines, 'transfers_received'),
      transfersCut: this.transferCuts.count,
      transfersResumed: sumOf(machines, 'transfers_resumed'),
      faults: this.faults.counts,
      failure,
    };
  }
}

/** Over those that run now: what came before a restart is not in it. */
function sumOf(machines: readonly Machine[], name: string): number {
  return machines.reduce((sum, { node }) => sum + (node?.mesh.statistics()[name] ?? 0), 0);
}

function drawSettings(random: Random): Omit<Settings, 'compression'> {
  const tiny = random.chance(0.4);
  return {
    appendfsync: random.weighted([
      ['everysec', 4],
      ['always', 5],
      ['no', 1],
    ]),
    // a log that small reaches back seconds, so that who was away needs a state transfer
    logBytesMax: tiny ? 4096 : 64 * 1024 * 1024,
    logAgeMaxMs: random.chance(0.3) ? random.between(2000, 20_000) : 0,
    memoryLogBytesMax: tiny || random.chance(0.3) ? 8192 : 64 * 1024 * 1024,
    checkpointIntervalMs: random.between(500, 10_000),
    mdns: random.chance(0.7),
    gossip: random.chance(0.8),
    activeExpire: random.chance(0.9),
    // a key or two in each, so that a transfer has a middle in which it can be cut
    pageBytes: tiny ? 1 : PAGE_BYTES,
    utilization: UTILIZATION,
  };
}

function drawNetwork(world: World, random: Random): Network {
  const delayMs = random.weighted([
    [0.2, 3],
    [5, 3],
    [60, 2],
  ]);
  const tail = random.chance(0.5) ? 0 : random.between(0, 0.05);
  const gossipLoss = random.chance(0.5) ? 0 : random.between(0, 0.3);
  const gossipDuplicates = random.chance(0.5) ? 0 : random.between(0, 0.5);
  return new Network(world, random, () => ({
    cut: false,
    delayMs: delayMs * random.between(0.5, 2),
    ...{ tail, gossipLoss, gossipDuplicates, bytesPerMs: 10_000 },
  }));
}

function explain(error: unknown): string {
  if (error instanceof Violation) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
