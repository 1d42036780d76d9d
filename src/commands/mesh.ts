/** MESH: the nodes of the cluster, as seen from this one. */
import { answerHelp } from './help-reply.ts';
import type { MeshPeer } from './services.ts';
import type { Call, Command } from './table.ts';

type Fields = readonly (readonly [name: string, value: string | number])[];

const HELP = [
  'FORGET <peer id or replica id>',
  '    Drops a node that is gone from the members, everywhere, so that nothing is kept for it any more.',
  '    Should it come back, it does so under a new replica id, and with all that it has.',
  'INFO',
  '    This node: its ids, addresses and counters.',
  'JOIN <multiaddr>',
  '    Connects to a node; it stays known and is dialled again whenever it is lost.',
  'PEERS',
  '    The other nodes: who, where, connected or not, how far behind and ahead.',
];

export const meshCommands: readonly Command[] = [
  {
    name: 'mesh',
    arity: -2,
    flags: [],
    keys: [0, 0, 0],
    acl: [],
    since: '7.4.0',
    group: 'server',
    summary: 'Shows and changes which nodes belong together (Starling).',
    complexity: 'Depends on the sub-command',
    run: neverRuns,
    subcommands: [
      sub('forget', 3, 'Drops a node that is gone from the members.', runForget),
      sub('help', 2, 'Explains the sub-commands.', ({ reply }) => answerHelp(reply, 'MESH', HELP)),
      sub('info', 2, 'Shows the ids, addresses and counters of this node.', runInfo),
      sub('join', 3, 'Connects to a node and keeps to it.', runJoin),
      sub('peers', 2, 'Shows the other nodes and how far they are.', runPeers),
    ],
  },
];

function sub(name: string, arity: number, summary: string, run: (call: Call) => void): Command {
  return {
    name: `mesh|${name}`,
    arity,
    flags: ['admin', 'noscript', 'loading', 'stale'],
    keys: [0, 0, 0],
    acl: [],
    since: '7.4.0',
    group: 'server',
    summary,
    complexity: 'O(N), N being the number of nodes',
    run,
  };
}

function neverRuns(): void {
  throw new Error('MESH was run without a sub-command');
}

function runPeers({ engine, reply, services }: Call): void {
  const peers = services.mesh.peers();
  reply.array(peers.length);
  for (const peer of peers) {
    const fields = describe(peer, engine.now);
    reply.map(fields.length);
    writeFields(reply, fields);
  }
}

function describe(peer: MeshPeer, now: number): Fields {
  return [
    ['peer', peer.peerId],
    ['replica', peer.replica],
    ['state', peer.state],
    ['address', peer.address],
    ['region', peer.region],
    ['zone', peer.zone],
    ['rtt-us', Math.round(peer.rttMs * 1000)],
    ['behind', peer.behind],
    ['ahead', peer.ahead],
    ['seen-ms-ago', Math.max(0, Math.round(now - peer.lastSeenMs))],
    ['bytes-in', peer.bytesIn],
    ['bytes-out', peer.bytesOut],
  ];
}

function runInfo({ engine, reply, services }: Call): void {
  const { mesh, node } = services;
  const texts: Fields = [
    ['peer', mesh.peerId],
    ['replica', engine.replica],
    ['cluster', mesh.cluster],
    ['region', node.region],
    ['zone', node.zone],
    ['version', node.version],
    ['replication', mesh.paused ? 'paused' : 'running'],
  ];
  const counters = Object.entries(mesh.statistics()).map(
    ([name, value]) => [name.replaceAll('_', '-'), Math.round(value)] as const,
  );
  const addresses = mesh.addresses();
  reply.map(texts.length + 1 + counters.length);
  writeFields(reply, texts);
  reply.bulkText('addresses');
  reply.array(addresses.length);
  for (const address of addresses) reply.bulkText(address);
  writeFields(reply, counters);
}

function writeFields(reply: Call['reply'], fields: Fields): void {
  for (const [name, value] of fields) {
    reply.bulkText(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulkText(value);
  }
}

/** Answers when the node was reached, or could not be for now. */
function runJoin({ args, client, reply, services }: Call): void {
  if (!client.mayBlock) {
    reply.error('ERR MESH JOIN cannot wait for a node inside a transaction');
    return;
  }
  const blocked = client.block();
  const answer = (failure: string | null) => {
    blocked.resume((later) => (failure === null ? later.ok() : later.error(`ERR ${failure}`)));
  };
  services.mesh
    .join(args[2].text())
    .then(answer, (error: unknown) => answer(error instanceof Error ? error.message : String(error)));
}

function runForget({ args, reply, services }: Call): void {
  const failure = services.mesh.forget(args[2].text());
  if (failure === null) reply.ok();
  else reply.error(`ERR ${failure}`);
}
