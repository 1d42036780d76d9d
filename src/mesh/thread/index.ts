/** Starts libp2p on a thread of its own. */
import { startThread } from '../../threads.ts';
import type { NodeOptions } from '../node.ts';
import type { MeshNode } from '../transport.ts';
import type { Order, Report } from './messages.ts';
import { Outbox } from './outbox.ts';
import { RemoteNode } from './remote-node.ts';

/** Rejects as createNode() does. What goes wrong on the thread later ends the process, as it would on this one. */
export function createNodeOnThread(options: NodeOptions): Promise<MeshNode> {
  const { directory, cluster, listen, announce, mdns, secretFile, topic, peersMax } = options;
  const workerData: NodeOptions = {
    ...{ directory, cluster, mdns, secretFile, topic, peersMax },
    ...{ listen: [...listen], announce: [...announce] },
  };
  const worker = startThread(import.meta.url, 'libp2p-thread', workerData);
  const outbox = new Outbox<Order>(worker, queueMicrotask);
  return new Promise((resolve, reject) => {
    let node: RemoteNode | null = null;
    const begin = (report: Report) => {
      if (report.kind === 'started') {
        node = new RemoteNode(outbox, report, () => worker.terminate());
        resolve(node);
        return;
      }
      void worker.terminate();
      const { message, code } = report.kind === 'not started' ? report : { message: report.kind, code: undefined };
      reject(Object.assign(new Error(message), { code }));
    };
    worker.on('message', (reports: readonly Report[]) => {
      for (const report of reports) {
        if (node === null) begin(report);
        else node.take(report);
      }
    });
    worker.on('error', (error) => {
      if (node === null) reject(error);
      else throw error;
    });
  });
}
