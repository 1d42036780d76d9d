/** What a node says of itself once it is up: a page for people, or one line for machines. */
import { bindAddresses, reachableAddress } from './bind-addresses.ts';
import type { MeshService } from './commands/services.ts';
import type { Configuration } from './config/configuration.ts';
import { VERSION } from './version.ts';

/** The running node, as far as it is shown. */
interface Shown {
  readonly engine: { readonly replica: string };
  readonly mesh: MeshService;
  readonly port: number;
  readonly secured: boolean;
}

const UNSECURED = 'No --secret-file: any host that reaches the addresses above may join this cluster.';
const SECURED = 'Only nodes that hold the same secret file may join.';

/** For a terminal. */
export function bannerPage(starling: Shown, configuration: Configuration): string {
  const { mesh, port, engine } = starling;
  const host = reachableAddress(bindAddresses(configuration.list('bind'))[0] ?? '');
  const path = configuration.text('unixsocket');
  const reach = port === 0 && path !== '' ? `-s ${path}` : `-h ${host} -p ${port || configuration.number('tls-port')}`;
  const place = [configuration.text('region') || '-', configuration.text('zone')].filter((word) => word !== '');
  const peers = mesh.peers().filter(({ state }) => state === 'up');
  return [
    '',
    `  Starling ${VERSION}  (pid ${process.pid})`,
    '',
    `  Redis clients   ${placesOf(port, configuration).join(', ')}          redis-cli ${reach}${port === 0 && path === '' ? ' --tls' : ''}`,
    `  cluster         ${mesh.cluster}`,
    `  region          ${place.join(' / ')}`,
    `  peer id         ${mesh.peerId}`,
    `  replica id      ${engine.replica}`,
    `  data            ${configuration.dataDirectory}`,
    `  mDNS            ${configuration.flag('mdns') ? 'on: nodes on this network find each other' : 'off'}`,
    `  peers           ${peers.length === 0 ? 'none yet' : peers.map(({ peerId }) => peerId).join(', ')}`,
    '',
    '  To join from elsewhere:',
    ...mesh.addresses().map((address) => `    --bootstrap ${address}`),
    '',
    `  ${starling.secured ? SECURED : UNSECURED}`,
    '',
    '',
  ].join('\n');
}

/** The same as fields of one line of the log. */
export function bannerFields(starling: Shown, configuration: Configuration): object {
  const { mesh, port, engine } = starling;
  return {
    version: VERSION,
    pid: process.pid,
    redis: placesOf(port, configuration),
    cluster: mesh.cluster,
    region: configuration.text('region'),
    zone: configuration.text('zone'),
    peerId: mesh.peerId,
    replica: engine.replica,
    data: configuration.dataDirectory,
    mdns: configuration.flag('mdns'),
    peers: mesh.peers().flatMap(({ peerId, state }) => (state === 'up' ? [peerId] : [])),
    bootstrap: mesh.addresses(),
    secured: starling.secured,
    ...(starling.secured ? {} : { warning: UNSECURED }),
  };
}

/** Where clients come in. `port`: 0 if not by plain TCP. */
function placesOf(port: number, configuration: Configuration): string[] {
  const addresses = bindAddresses(configuration.list('bind'));
  const securePort = configuration.number('tls-port');
  const path = configuration.text('unixsocket');
  return [
    ...(port === 0 ? [] : addresses.map((address) => `${address}:${port}`)),
    ...(securePort === 0 ? [] : addresses.map((address) => `${address}:${securePort} (TLS)`)),
    ...(path === '' ? [] : [path]),
  ];
}
