/** The command: options → Starling → signals. */
import { Configuration } from './config/configuration.ts';
import { helpText } from './config/help.ts';
import { createLogger } from './logging.ts';
import { type Starling, startStarling } from './starling.ts';
import { VERSION } from './version.ts';

/** No peer after so long: a line says what to look at. */
const LONELY_MS = 10_000;

function fail(message: string): never {
  process.stderr.write(`starling: ${message}\n`);
  process.exit(1);
}

function explain(error: unknown, configuration: Configuration): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const at = `${configuration.list('bind').join(', ')} port ${configuration.text('port')}`;
  if (code === 'EADDRINUSE') return `cannot listen on ${at}: Address already in use`;
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') return `cannot listen on ${at}: ${message}`;
  return message ?? String(error);
}

function banner(starling: Starling, configuration: Configuration): string {
  const { mesh, port, engine } = starling;
  const host = configuration.list('bind')[0];
  const addresses = mesh.addresses();
  const lines = [
    '',
    `  Starling ${VERSION}  (pid ${process.pid})`,
    '',
    `  Redis clients   ${host}:${port}          redis-cli -h ${host} -p ${port}`,
    `  cluster         ${mesh.cluster}`,
    `  region          ${configuration.text('region') || '-'}${configuration.text('zone') === '' ? '' : ` / ${configuration.text('zone')}`}`,
    `  peer id         ${mesh.peerId}`,
    `  replica id      ${engine.replica}`,
    `  data            ${configuration.dataDirectory}`,
    `  mDNS            ${configuration.flag('mdns') ? 'on: nodes on this network find each other' : 'off'}`,
    '',
    '  To join from elsewhere:',
    ...addresses.map((address) => `    --bootstrap ${address}`),
    '',
  ];
  if (!starling.secured)
    lines.push('  No --secret-file: any host that reaches the addresses above may join this cluster.', '');
  return `${lines.join('\n')}\n`;
}

async function main(): Promise<void> {
  let loaded: ReturnType<typeof Configuration.load>;
  try {
    loaded = Configuration.load(process.argv.slice(2), process.env);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  const { request, configuration } = loaded;
  if (request.help) {
    process.stdout.write(`${helpText()}\n`);
    return;
  }
  if (request.version) {
    process.stdout.write(`Starling ${VERSION}\n`);
    return;
  }
  if (request.checkConfig) {
    process.stdout.write(
      `${configuration.warnings.map((line) => `warning: ${line}\n`).join('')}The configuration is good.\n`,
    );
    return;
  }
  await run(configuration);
}

async function run(configuration: Configuration): Promise<void> {
  const log = createLogger(configuration.text('loglevel'), configuration.text('log-format'));
  for (const warning of configuration.warnings) log.warn(warning);
  let starling: Starling | undefined;
  let stopping = false;
  const stop = (why: string) => {
    if (stopping) {
      process.stderr.write('starling: stopped at once\n');
      process.exit(1);
    }
    stopping = true;
    log.info(`${why}: stopping`);
    const ended = starling?.stop() ?? Promise.resolve();
    ended.then(
      () => process.exit(0),
      (error: unknown) => fail(`could not stop cleanly: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  let found = 0;
  try {
    starling = await startStarling({
      configuration,
      log,
      onFound: (peerId, address) => {
        found++;
        log.info(`peer found: ${peerId} at ${address}`);
      },
      onLost: (peerId, reason) => log.info(`peer lost: ${peerId} (${reason}); it is redialled until it is back`),
      onShutdown: () => stop('SHUTDOWN'),
    });
  } catch (error) {
    fail(explain(error, configuration));
  }
  process.stdout.write(banner(starling, configuration));
  log.info('Ready to accept connections');
  setTimeout(() => {
    if (found > 0) return;
    const look = configuration.flag('mdns')
      ? 'does the network route multicast (224.0.0.0/4), is UDP 5353 open in the firewall? Elsewhere: --bootstrap MULTIADDR'
      : 'mDNS is off: give --bootstrap MULTIADDR';
    log.info(`no peer after ${LONELY_MS / 1000} s. That is fine for a first node; else ${look}`);
  }, LONELY_MS).unref();
}

await main();
