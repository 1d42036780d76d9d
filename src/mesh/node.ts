/**
 * The libp2p node: TCP, Noise, yamux, identify, ping, mDNS, gossipsub, with limits for many nodes behind one address
 * and without what would work against us (its monitor drops a connection whose ping is late under load; its own
 * reconnecting gives up after 46 s; gossipsub's fall-back to floodsub).
 */
import '../compatibility.ts';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GossipSub, type GossipsubOpts, gossipsub, StrictNoSign } from '@chainsafe/libp2p-gossipsub';
import { createTopicScoreParams } from '@chainsafe/libp2p-gossipsub/score';
import { noise } from '@chainsafe/libp2p-noise';
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import type { Libp2p, PrivateKey } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';
import { ping } from '@libp2p/ping';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { writeWhole } from './whole-file.ts';

export interface NodeOptions {
  /** Where the peer's key and port are kept; null: neither is kept. */
  directory: string | null;
  cluster: string;
  listen: readonly string[];
  announce: readonly string[];
  mdns: boolean;
  secretFile: string | null;
  topic: string;
  /** Connections to peers; each takes an open file. Default 1,024, as many members as are remembered. */
  peersMax?: number;
}

export type Libp2pNode = Libp2p<{ pubsub: GossipSub; identify: unknown; ping: unknown }>;

const PEERS_MAX = 1024;
const SECRET_CHARACTERS_MIN = 16;
const MDNS_INTERVAL_MS = 10_000;
/** Above the largest envelope that is gossiped, below gossipsub's own silent limit of 4 MiB. */
const GOSSIP_BYTES_MAX = 512 * 1024;

export async function createNode(options: NodeOptions): Promise<Libp2pNode> {
  const privateKey = await peerKey(options.directory);
  const protector =
    options.secretFile === null ? undefined : preSharedKey({ psk: readSecret(options.secretFile), timeout: 3000 });
  const start = (listen: readonly string[]) => startNode(options, privateKey, protector, listen);
  const remembered = withRememberedPort(options);
  const node = await start(remembered).catch((error: unknown) => {
    // another program has taken the port meanwhile; nobody asked for that one
    if (remembered.join() === options.listen.join()) throw error;
    return start(options.listen);
  });
  rememberPort(options, node.getMultiaddrs().map(String));
  return node;
}

async function startNode(
  options: NodeOptions,
  privateKey: PrivateKey,
  protector: ReturnType<typeof preSharedKey> | undefined,
  listen: readonly string[],
): Promise<Libp2pNode> {
  const node = await createLibp2p({
    privateKey,
    addresses: { listen: [...listen], announce: [...options.announce] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    peerDiscovery: options.mdns ? [mdns({ interval: MDNS_INTERVAL_MS, serviceTag: serviceTag(options.cluster) })] : [],
    ...(protector === undefined ? {} : { connectionProtector: protector }),
    connectionMonitor: { abortConnectionOnPingFailure: false },
    connectionManager: {
      // beyond it, who dials us is refused; where both ends have so many they never meet
      maxConnections: options.peersMax ?? PEERS_MAX,
      maxDialQueueLength: PEERS_MAX,
      maxIncomingPendingConnections: 256,
      inboundUpgradeTimeout: 3000,
      inboundConnectionThreshold: 50,
      dialTimeout: 4000,
      reconnectRetries: 0,
    },
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipsub({
        fallbackToFloodsub: false,
        doPX: false,
        emitSelf: false,
        allowedTopics: [options.topic],
        floodPublish: true,
        globalSignaturePolicy: StrictNoSign,
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        maxInboundDataLength: GOSSIP_BYTES_MAX,
        heartbeatInterval: 1000,
        scoreParams: scoring(options.topic),
        msgIdFn: (message) => createHash('sha1').update(message.data).digest(),
      }),
    },
  });
  return node as unknown as Libp2pNode;
}

/**
 * A peer that publishes what cannot be taken soon is not listened to on the topic, until it stops. Nothing else counts
 * against a peer: nodes of one cluster often share an address, and gossip that is late is made up for by sync.
 */
function scoring(topic: string): GossipsubOpts['scoreParams'] {
  return {
    IPColocationFactorWeight: 0,
    behaviourPenaltyThreshold: 6,
    topics: {
      [topic]: createTopicScoreParams({
        topicWeight: 1,
        timeInMeshWeight: 0,
        firstMessageDeliveriesWeight: 0,
        meshMessageDeliveriesWeight: 0,
        meshFailurePenaltyWeight: 0,
        invalidMessageDeliveriesWeight: -1,
        invalidMessageDeliveriesDecay: 0.9,
      }),
    },
  };
}

/** Two clusters, and other libp2p programs, on one network must not find each other. */
function serviceTag(cluster: string): string {
  const name = createHash('sha256').update(cluster).digest('hex').slice(0, 12);
  return `_starling-${name}._udp.local`;
}

/** The key that makes the peer id, kept so that the id stays the same over restarts. */
async function peerKey(directory: string | null): Promise<PrivateKey> {
  if (directory === null) return generateKeyPair('Ed25519');
  const path = join(directory, 'peer.key');
  if (existsSync(path)) return readKey(path);
  const key = await generateKeyPair('Ed25519');
  writeWhole(path, privateKeyToProtobuf(key));
  return key;
}

function readKey(path: string): PrivateKey {
  try {
    return privateKeyFromProtobuf(readFileSync(path));
  } catch (error) {
    throw new Error(`the peer key in ${path} is damaged; delete the file, and the node joins under a new peer id`, {
      cause: error,
    });
  }
}

/** A port that the system chose is kept, so that addresses which others were told stay good. */
function withRememberedPort(options: NodeOptions): string[] {
  const path = portFile(options);
  const remembered = path !== null && existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  if (!/^\d+$/.test(remembered)) return [...options.listen];
  return options.listen.map((address) => address.replace(/\/tcp\/0$/, `/tcp/${remembered}`));
}

function rememberPort(options: NodeOptions, addresses: readonly string[]): void {
  const path = portFile(options);
  if (path === null || !options.listen.some((address) => address.endsWith('/tcp/0'))) return;
  const port = /\/tcp\/(\d+)/.exec(addresses.find((address) => address.includes('/tcp/')) ?? '')?.[1];
  if (port !== undefined) writeWhole(path, `${port}\n`);
}

export function portFile({ directory }: { directory: string | null }): string | null {
  return directory === null ? null : join(directory, 'peer.port');
}

/** A libp2p swarm key file, or any text: then its SHA-256 is the key. */
export function readSecret(path: string): Uint8Array {
  const content = readFileSync(path, 'utf8').trim();
  if (content.startsWith('/key/swarm/psk/1.0.0/')) {
    const lines = content.split(/\r?\n/);
    if (lines.length === 3 && lines[1] === '/base16/' && /^[0-9a-f]{64}$/i.test(lines[2]))
      return Buffer.from(lines.join('\n'));
    throw new Error(`the cluster secret in ${path} is no whole swarm key: it needs /base16/ and 64 hex digits`);
  }
  if (content.length < SECRET_CHARACTERS_MIN) {
    throw new Error(
      `the cluster secret in ${path} has ${content.length} characters; it needs ${SECRET_CHARACTERS_MIN} at least`,
    );
  }
  const key = createHash('sha256').update(content).digest('hex');
  return Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${key}`);
}
