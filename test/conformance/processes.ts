/**
 * Replicas of conformance cases as real nodes, through RESP and the mesh. Nodes are costly to start, so one set serves
 * all cases: each case begins with everything flushed and exchanged. `sync` lets exactly those named exchange, until
 * their vectors and digests are equal; all others are paused, and exchange needs both ends.
 */
import { setExchange, startCluster } from '../processes/cluster.ts';
import { converged, killAll, type NodeProcess, sleep } from '../processes/node-process.ts';
import type { RespClient } from '../processes/resp-client.ts';
import type { Answer, Cluster } from './cases.ts';

export class NodeSet {
  private readonly nodes: NodeProcess[];

  private constructor(nodes: NodeProcess[]) {
    this.nodes = nodes;
  }

  static async start(count: number): Promise<NodeSet> {
    const nodes = await startCluster(count);
    const set = new NodeSet(nodes);
    await setExchange(nodes, false);
    return set;
  }

  /** Names of the commands that the nodes do not know, of those given. */
  async unknown(commands: readonly string[]): Promise<string[]> {
    const answers = (await this.nodes[0].must('COMMAND', 'INFO', ...commands)) as Answer[];
    return commands.filter((_, index) => answers[index] === null);
  }

  /** Empty replicas under these names. */
  async begin(names: readonly string[]): Promise<Cluster> {
    await this.exchange(this.nodes);
    await this.nodes[0].must('FLUSHALL');
    await this.exchange(this.nodes);
    const members = new Map<string, { node: NodeProcess; client: RespClient }>();
    for (const [index, name] of names.entries()) {
      members.set(name, { node: this.nodes[index], client: await this.nodes[index].connect() });
    }
    const member = (name: string): { node: NodeProcess; client: RespClient } => {
      const found = members.get(name);
      if (found === undefined) throw new Error(`no replica ${name}`);
      return found;
    };
    return {
      run: (name, words) => member(name).client.command(...words),
      sync: (group) => this.exchange(group.map((name) => member(name).node)),
      tick: (ms) => sleep(ms),
      digest: async (name) => JSON.stringify(await member(name).node.must('CRDT', 'DIGEST')),
      stop: () => {
        for (const { client } of members.values()) client.close();
        return Promise.resolve();
      },
    };
  }

  stop(): Promise<void> {
    return killAll(this.nodes);
  }

  private async exchange(nodes: readonly NodeProcess[]): Promise<void> {
    await setExchange(nodes, true);
    await converged(nodes);
    await setExchange(nodes, false);
  }
}
