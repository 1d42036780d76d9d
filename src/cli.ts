/** The command: options → Starling → signals. */
import { rmSync, writeFileSync } from 'node:fs';
import { openAccessControl } from './access-control.ts';
import { bannerFields, bannerPage } from './banner.ts';
import { createCommandRegistry } from './commands/index.ts';
import { Configuration } from './config/configuration.ts';
import { helpText } from './config/help.ts';
import { createLogger, type Logger, writesText } from './logging.ts';
import { type Starling, startStarling } from './starling.ts';
import { VERSION } from './version.ts';

/** No peer after so long: a line says what to look at. */
const LONELY_MS = 10_000;
/** Ctrl-C reaches a node twice when its parent (npm, a shell) passes on what the terminal has told all of them. */
const ECHO_MS = 500;

function fail(error: unknown): never {
  process.stderr.write(`starling: ${messageOf(error)}\n`);
  process.exit(1);
}

/** In one line. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, ' ');
}

async function main(): Promise<void> {
  const { request, configuration } = load();
  if (request.help) process.stdout.write(`${helpText()}\n`);
  else if (request.version) process.stdout.write(`Starling ${VERSION}\n`);
  else if (request.checkConfig) {
    checkUsers(configuration);
    const warnings = configuration.warnings.map((line) => `warning: ${line}\n`);
    process.stdout.write(`${warnings.join('')}The configuration is good.\n`);
  } else await run(configuration);
}

function load(): ReturnType<typeof Configuration.load> {
  try {
    return Configuration.load(process.argv.slice(2), process.env);
  } catch (error) {
    return fail(error);
  }
}

/** What of the configuration only the command table can tell. */
function checkUsers(configuration: Configuration): void {
  try {
    openAccessControl(configuration, createCommandRegistry());
  } catch (error) {
    fail(error);
  }
}

async function run(configuration: Configuration): Promise<void> {
  const log = openLog(configuration);
  for (const warning of configuration.warnings) log.warn(warning);
  let peersFound = 0;
  const starting = startStarling({
    configuration,
    log,
    onFound: (peerId, address) => {
      peersFound++;
      log.info(`peer found: ${peerId} at ${address}`);
    },
    onLost: (peerId, reason) => log.info(`peer lost: ${peerId} (${reason}); it is redialled until it is back`),
    onShutdown: () => stop('SHUTDOWN'),
  });
  const stop = stopper(starting, log);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const starling = await starting.catch(fail);
  writePid(configuration, log);
  if (configuration.text('logfile') === '' && writesText(configuration.text('log-format')))
    process.stdout.write(bannerPage(starling, configuration));
  else log.info(bannerFields(starling, configuration), 'Starling is up');
  log.info('Ready to accept connections');
  setTimeout(() => {
    if (peersFound === 0) log.info(lonely(configuration));
  }, LONELY_MS).unref();
}

function openLog(configuration: Configuration): Logger {
  const file = configuration.text('logfile');
  try {
    return createLogger(configuration.text('loglevel'), configuration.text('log-format'), file);
  } catch (error) {
    return fail(`cannot open the log file: ${messageOf(error)}`);
  }
}

/** For scripts that start and stop services; a node that cannot write it serves all the same, as Redis does. */
function writePid(configuration: Configuration, log: Logger): void {
  const file = configuration.text('pidfile');
  if (file === '') return;
  try {
    writeFileSync(file, `${process.pid}\n`);
    process.on('exit', () => rmSync(file, { force: true }));
  } catch (error) {
    log.warn(`cannot write the pid file: ${messageOf(error)}`);
  }
}

/** A node that is still starting is stopped when it has started: its store is open by then. */
function stopper(starting: Promise<Starling>, log: Logger): (why: string) => void {
  let stoppingSinceMs: number | null = null;
  return (why) => {
    const now = performance.now();
    if (stoppingSinceMs !== null) {
      if (why !== 'SIGINT' || now - stoppingSinceMs < ECHO_MS) return;
      process.stderr.write('starling: stopped at once\n');
      process.exit(1);
    }
    stoppingSinceMs = now;
    log.info(`${why}: stopping`);
    starting
      .then((starling) => starling.stop())
      .then(
        () => process.exit(0),
        (error: unknown) => fail(`could not stop cleanly: ${messageOf(error)}`),
      );
  };
}

function lonely(configuration: Configuration): string {
  const look = configuration.flag('mdns')
    ? 'does the network route multicast (224.0.0.0/4), is UDP 5353 open in the firewall? Elsewhere: --bootstrap MULTIADDR'
    : 'mDNS is off: give --bootstrap MULTIADDR';
  return `no peer after ${LONELY_MS / 1000} s. That is fine for a first node; else ${look}`;
}

await main();
