/**
 * State transfers that are cut off in the middle, which faults at random hardly ever do: where logs are short, a machine
 * is cut off for some seconds, comes back over slow paths, and once a transfer to it has brought some pages, its
 * connections are reset; perhaps more than once.
 */
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

const SLOW_BYTES_PER_MS = 30;
const AWAY_MS = 1000;
const LOOK_MS = 5;
const WATCH_MS = 3000;
const CUTS_MAX = 3;
const PAGES_MAX = 4;

export class TransferCuts {
  count = 0;
  private readonly world: World;
  private readonly network: Network;
  private readonly machines: readonly Machine[];
  private readonly random: Random;
  private active = true;

  constructor(world: World, network: Network, machines: readonly Machine[], random: Random) {
    this.world = world;
    this.network = network;
    this.machines = machines;
    this.random = random;
  }

  begin(): void {
    const next = () => {
      if (!this.active) return;
      this.strike(this.random.pick(this.machines), next);
    };
    this.world.schedule(this.random.exponential(AWAY_MS), null, next);
  }

  end(): void {
    this.active = false;
  }

  private strike(machine: Machine, then: () => void): void {
    this.setCut(machine, true);
    this.world.schedule(this.random.exponential(AWAY_MS), null, () => {
      const fast = this.slow(machine);
      this.setCut(machine, false);
      this.watch(machine, () => {
        fast();
        this.world.schedule(this.random.exponential(AWAY_MS), null, then);
      });
    });
  }

  /** Cuts transfers to the machine off, and ends after a while. */
  private watch(machine: Machine, then: () => void): void {
    const untilMs = this.world.nowMs + WATCH_MS;
    let left = 1 + this.random.below(CUTS_MAX);
    let pagesMin = this.random.below(PAGES_MAX);
    let begin = progressOf(machine);
    const look = () => {
      const { transfers, pages } = progressOf(machine);
      if (transfers !== begin.transfers || pages < begin.pages) begin = { transfers, pages };
      if (pages - begin.pages > pagesMin) {
        this.count++;
        left--;
        for (const { index } of this.machines) this.network.dropConnections(machine.index, index);
        begin = { transfers, pages };
        pagesMin = this.random.below(PAGES_MAX);
      }
      if (left === 0 || !this.active || this.world.nowMs >= untilMs) then();
      else this.world.schedule(LOOK_MS, null, look);
    };
    look();
  }

  private setCut(machine: Machine, cut: boolean): void {
    for (const other of this.machines) {
      if (other === machine) continue;
      this.network.setCut(machine.index, other.index, cut);
      this.network.setCut(other.index, machine.index, cut);
    }
  }

  /** Gives the function that ends it. */
  private slow(machine: Machine): () => void {
    const paths = this.machines
      .filter((other) => other !== machine)
      .map(({ index }) => this.network.path(index, machine.index))
      .filter(({ bytesPerMs }) => bytesPerMs > SLOW_BYTES_PER_MS);
    const before = paths.map(({ bytesPerMs }) => bytesPerMs);
    for (const path of paths) path.bytesPerMs = SLOW_BYTES_PER_MS;
    return () => {
      paths.forEach((path, index) => {
        path.bytesPerMs = Math.max(path.bytesPerMs, before[index]);
      });
    };
  }
}

function progressOf({ node }: Machine): { transfers: number; pages: number } {
  const { transfers_received, pages_received } = node?.mesh.statistics() ?? {};
  return { transfers: transfers_received ?? 0, pages: pages_received ?? 0 };
}
