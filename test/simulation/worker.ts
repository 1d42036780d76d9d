/** A process of a campaign: runs the seeds it is sent, one after the other, and sends back what came of each. */
import { runSeed } from './run.ts';

export interface Order {
  readonly seed: number;
  readonly nodes?: number;
  /** Run it again, and compare. */
  readonly twice: boolean;
}

process.on('message', (order: Order) => {
  void answer(order);
});

async function answer({ seed, nodes, twice }: Order): Promise<void> {
  const result = await runSeed({ seed, nodes });
  const again = twice ? await runSeed({ seed, nodes }) : result;
  const failure =
    again.hash === result.hash ? result.failure : `not deterministic: hash ${result.hash}, then ${again.hash}`;
  process.send?.({ ...result, failure, faults: [...result.faults] });
}
