/** MESH: the nodes of the cluster. PEERS, JOIN, FORGET, INFO. */
import { answerHelp } from './help-reply.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

const HELP = [
  'PEERS', '    The other nodes: who, where, connected or not, how far behind.',
  'JOIN <multiaddr>', '    Dials a node; it stays known and is redialled for ever.',
  'FORGET <peer id or replica id>', '    Drops a node from the members until it comes back by itself.',
  'INFO', '    This node: its ids, addresses and counters.',
];

function runPeers({ reply, services, engine }: Call): void {
  const peers = services.mesh.peers();
  reply.array(peers.length);
  for (const peer of peers) {
    const fields: [string, string | number][] = [
      ['peer', peer.peerId], ['address', peer.address], ['state', peer.state], ['replica', peer.replica], ['region', peer.region], ['zone', peer.zone],
      ['rtt-us', Math.round(peer.rttMs * 1000)], ['behind', peer.behind], ['ahead', peer.ahead], ['seen-ms-ago', Math.max(0, engine.now - peer.lastSeenMs)],
      ['bytes-in', peer.bytesIn], ['bytes-out', peer.bytesOut],
    ];
    reply.map(fields.length);
    for (const [name, value] of fields) {
      reply.bulkText(name);
      if (typeof value === 'number') reply.integer(value);
      else reply.bulkText(value);
    }
  }
}

function runJoin({ args, client, reply, services }: Call): void {
  if (!client.mayBlock) {
    reply.error('ERR MESH JOIN is not allowed inside a transaction');
    return;
  }
  const blocked = client.block();
  services.mesh.join(args[2].text()).then(
    (failure) => blocked.resume((later) => (failure === null ? later.ok() : later.error(`ERR ${failure}`))),
    (error: unknown) => blocked.resume((later) => later.error(`ERR ${error instanceof Error ? error.message : String(error)}`)),
  );
}

function runInfo({ engine, reply, services }: Call): void {
  const { mesh, node } = services;
  const counters = Object.entries(mesh.statistics());
  reply.map(8 + counters.length);
  const texts: [string, string][] = [
    ['peer', mesh.peerId], ['replica', engine.replica], ['cluster', mesh.cluster], ['region', node.region], ['zone', node.zone], ['replication', mesh.paused ? 'paused' : 'running'],
    ['version', node.version],
  ];
  for (const [name, value] of texts) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
  const addresses = mesh.addresses();
  reply.bulkText('addresses');
  reply.array(addresses.length);
  for (const address of addresses) reply.bulkText(address);
  for (const [name, value] of counters) {
    reply.bulkText(name);
    reply.integer(Math.round(value));
  }
}

function sub(name: string, arity: number, summary: string, run: (call: Call) => void): Command {
  return { name: `mesh|${name}`, arity, flags: ['admin', 'noscript', 'loading', 'stale'], keys: [0, 0, 0], acl: ['admin', 'dangerous'], since: '7.4.0', summary, group: 'server', run };
}

export const meshCommands: readonly Command[] = [
  {
    name: 'mesh', arity: -2, flags: [], keys: [0, 0, 0], acl: [], since: '7.4.0', summary: 'The nodes of the cluster (Starling).', group: 'server',
    run({ reply }) {
      reply.error(Errors.syntax);
    },
    subcommands: [
      sub('peers', 2, 'The other nodes.', runPeers),
      sub('join', 3, 'Dials a node.', runJoin),
      sub('forget', 3, 'Drops a node from the members.', ({ args, reply, services }) => {
        const failure = services.mesh.forget(args[2].text());
        if (failure === null) reply.ok();
        else reply.error(`ERR ${failure}`);
      }),
      sub('info', 2, 'This node.', runInfo),
      sub('help', 2, 'Lists the sub-commands.', ({ reply }) => answerHelp(reply, 'MESH', HELP)),
    ],
  },
];
