/** Where settings come from: flags, environment and file, which of them wins, and what is said of mistakes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Configuration } from '../../src/config/configuration.ts';
import { DIRECTIVES } from '../../src/config/directives.ts';
import { quote } from '../../src/config/lines.ts';
import { ConfigError } from '../../src/config/sources.ts';
import { samplesOf } from './directives.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-config-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

function file(content: string, name = 'starling.conf'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function load(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): Configuration {
  return Configuration.load(argv, environment).configuration;
}

function fromFile(content: string): Configuration {
  return load([file(content)]);
}

function complaint(argv: readonly string[], environment: NodeJS.ProcessEnv = {}): string {
  try {
    load(argv, environment);
  } catch (error) {
    assert.instance(error, ConfigError);
    const { message } = error as ConfigError;
    assert.not.match(message, /\n/);
    return message;
  }
  throw new Error('it was accepted');
}

function variableOf(name: string): string {
  return `STARLING_${name.toUpperCase().replaceAll('-', '_')}`;
}

test('every directive is a flag, an environment variable and a line of the config file', () => {
  for (const directive of DIRECTIVES) {
    const { name, aliases = [] } = directive;
    for (const value of samplesOf(directive)) {
      for (const each of [name, ...aliases]) {
        assert.is(load([`--${each}`, value]).raw(name), value, `--${each} ${value}`);
        assert.is(load([`--${each}=${value}`]).raw(name), value, `--${each}=${value}`);
        assert.is(load([], { [variableOf(each)]: value }).raw(name), value, `${variableOf(each)} ${value}`);
        assert.is(fromFile(`${each} ${quote(value)}\n`).raw(name), value, `${each} ${value} in a file`);
      }
    }
  }
});

test('of every directive a flag wins over the environment, and that over the file', () => {
  for (const directive of DIRECTIVES) {
    const { name } = directive;
    const [low, middle = low, high = directive.default] = samplesOf(directive);
    if (low === undefined) continue;
    const path = file(`${name} ${quote(low)}\n`);
    const environment = { [variableOf(name)]: middle };
    assert.is(load([path], environment).raw(name), middle, name);
    assert.is(load([path, `--${name}`, high], environment).raw(name), high, name);
  }
});

test('a directive has its default where nobody sets it', () => {
  const configuration = load([]);
  for (const { name, default: value } of DIRECTIVES) assert.is(configuration.raw(name), value, name);
  assert.equal(configuration.warnings, []);
});

test('the config file comes first on the command line, after --config, or from STARLING_CONFIG', () => {
  const path = file('port 7001\n');
  for (const configuration of [
    load([path]),
    load(['--config', path]),
    load([`--config=${path}`]),
    load([], { STARLING_CONFIG: path }),
  ]) {
    assert.is(configuration.number('port'), 7001);
    assert.is(configuration.configFile, path);
  }
});

test('quotes, escapes, comments and blank lines are as in redis.conf', () => {
  const configuration = fromFile(
    [
      '# port 1',
      '',
      '  port   7002  ',
      'requirepass "a \\"quoted\\" word\\x21\\ttab"',
      "region 'it\\'s here'",
      'zone un#quoted',
      'CLUSTER Upper\r',
    ].join('\n'),
  );
  assert.is(configuration.text('port'), '7002');
  assert.is(configuration.text('requirepass'), 'a "quoted" word!\ttab');
  assert.is(configuration.text('region'), "it's here");
  assert.is(configuration.text('zone'), 'un#quoted');
  assert.is(configuration.text('cluster'), 'Upper');
});

test('a line with an open quote is refused by its number, and its content is not repeated', () => {
  const message = complaint([file('port 7003\nrequirepass "hidden\n')]);
  assert.match(message, /line 2 of .*starling\.conf: unbalanced quotes/);
  assert.not.match(message, 'hidden');
});

test('several words are one value', () => {
  const configuration = fromFile('save 900 1\nbind 127.0.0.1 ::1\n');
  assert.is(configuration.text('save'), '900 1');
  assert.equal(configuration.list('bind'), ['127.0.0.1', '::1']);
  assert.is(load(['--save', '900', '1', '--bind', '127.0.0.1', '-::1']).text('bind'), '127.0.0.1 -::1');
  assert.is(load(['--save', '']).text('save'), '');
});

test('a list that one source names several times adds up, and an empty one starts anew', () => {
  assert.is(fromFile('save 900 1\nsave 300 10\n').text('save'), '900 1 300 10');
  assert.is(fromFile('save 900 1\nsave ""\nsave 60 5\n').text('save'), '60 5');
  const peers = ['--bootstrap', '/ip4/192.0.2.1/tcp/1', '--bootstrap', '/ip4/192.0.2.2/tcp/2'];
  assert.is(load(peers).list('bootstrap').length, 2);
});

test('a list of a stronger source takes the place of the weaker one', () => {
  assert.is(load([file('bind 192.0.2.1\n'), '--bind', '192.0.2.2']).text('bind'), '192.0.2.2');
});

test('memory sizes have units, as in redis.conf', () => {
  const sizes = { '100': 100, '1k': 1000, '1kb': 1024, '100mb': 104857600, '1M': 1e6, '2GB': 2147483648, '7b': 7 };
  for (const [text, number] of Object.entries(sizes))
    assert.is(fromFile(`maxmemory ${text}\n`).number('maxmemory'), number);
  assert.match(complaint(['--maxmemory', '1tb']), 'argument must be a memory value');
});

test('a switch is yes or no, alone yes, and has a negative form', () => {
  assert.is(load(['--mdns', 'NO']).flag('mdns'), false);
  assert.is(load(['--no-mdns']).flag('mdns'), false);
  assert.is(load(['--no-appendfsync-on-rewrite']).flag('no-appendfsync-on-rewrite'), true);
  assert.is(load(['--repair']).flag('repair'), true);
  assert.match(complaint(['--mdns', 'maybe']), "argument must be 'yes' or 'no'");
});

test('a flag and its value may be one argument, as redis-server has it', () => {
  const configuration = load(['--maxmemory 700mb', "--region 'two words'"]);
  assert.is(configuration.number('maxmemory'), 700 * 1024 * 1024);
  assert.is(configuration.text('region'), 'two words');
});

test('an unknown name is refused in each source, with the nearest known one', () => {
  assert.is(complaint(['--prot', '1']), "--prot: unknown option 'prot', did you mean 'port'?");
  assert.is(complaint(['--prot=1']), "--prot: unknown option 'prot', did you mean 'port'?");
  assert.is(
    complaint([], { STARLING_APENDFSYNC: 'no' }),
    "environment variable STARLING_APENDFSYNC: unknown option 'apendfsync', did you mean 'appendfsync'?",
  );
  assert.match(
    complaint([file('\nmaxclient 3\n')]),
    /line 2 of .*: unknown option 'maxclient', did you mean 'maxclients'\?/,
  );
  assert.is(complaint(['--xyzzyxyzzy', '1']), "--xyzzyxyzzy: unknown option 'xyzzyxyzzy'");
});

test('an include stands where it stands, and its mistakes are named by its own lines', () => {
  file('port 7005\nmaxclients 5\n', 'inner.conf');
  const configuration = fromFile('port 7004\ninclude inner.conf\nmaxclients 6\n');
  assert.is(configuration.number('port'), 7005);
  assert.is(configuration.number('maxclients'), 6);
  file('maxcleints 5\n', 'wrong.conf');
  assert.match(
    complaint([file('include wrong.conf\n')]),
    /line 1 of .*wrong\.conf: unknown option 'maxcleints', did you mean/,
  );
  assert.match(complaint([file('include missing.conf\n')]), /cannot read config file .*missing\.conf/);
  assert.match(complaint([file('include self.conf\n', 'self.conf')]), /includes go more than 16 deep/);
});

test('what Kubernetes sets beside a service named starling is not taken for directives', () => {
  const configuration = load([], {
    STARLING_SERVICE_HOST: '10.0.0.1',
    STARLING_SERVICE_PORT: '6379',
    STARLING_SERVICE_PORT_REDIS: '6379',
    STARLING_PORT: 'tcp://10.0.0.1:6379',
    STARLING_PORT_6379_TCP: 'tcp://10.0.0.1:6379',
    STARLING_PORT_6379_TCP_ADDR: '10.0.0.1',
    STARLING_MAXCLIENTS: '12',
  });
  assert.is(configuration.number('port'), 6379);
  assert.is(configuration.number('maxclients'), 12);
});

test('a bad value is refused by its name and reason', () => {
  assert.match(complaint(['--port', 'abc']), "--port: 'port abc': argument couldn't be parsed into an integer");
  assert.match(complaint(['--port', '99999999']), 'argument must be between 0 and 65535 inclusive');
  assert.match(complaint(['--port', '1', '2']), "'port 1 2'");
  assert.match(complaint(['--port']), '--port needs a value');
  assert.match(complaint(['port']), /cannot read config file port/);
  assert.match(complaint(['-p', '1']), "unexpected argument '-p'");
  assert.match(complaint([file('port\n')]), /line 1 of .*: port needs a value/);
  assert.match(complaint(['--appendfsync', 'often']), 'must be one of the following: always, everysec, no');
  assert.match(complaint(['--save', '900']), 'Invalid save parameters');
});

test('a secret is not repeated in a message', () => {
  const configuration = load([file('requirepass "sesame"\nmasterauth "sesame"\n')]);
  assert.is(configuration.text('requirepass'), 'sesame');
  assert.not.match(configuration.warnings.join('\n'), 'sesame');
});

test('addresses of peers must be multiaddrs', () => {
  for (const name of ['listen', 'announce', 'bootstrap']) {
    for (const address of [
      'node.example:4001',
      '/ip4/192.0.2.7',
      '/ip4/192.0.2.7/tcp/x',
      '/ip4/1.2.3.4/tcp/1/p2p/zzz',
    ]) {
      assert.match(
        complaint([`--${name}`, address]),
        `--${name}: '${name} ${address}': '${address}' is not a multiaddr such as`,
      );
    }
  }
});

test('what would mislead if it were ignored is refused with its reason', () => {
  assert.match(complaint(['--replicaof', '192.0.2.1', '6379']), 'no master to follow');
  assert.match(complaint([file('slaveof 192.0.2.1 6379\n')]), 'no master to follow');
  assert.match(complaint(['--cluster-enabled', 'yes']), 'no Redis Cluster');
  assert.is(load(['--cluster-enabled', 'no']).text('cluster-enabled'), 'no');
});

test('a directive of redis.conf without meaning here is accepted, with a warning if it asks for something', () => {
  const configuration = fromFile('list-compress-depth 60\nhz 10\n');
  assert.is(configuration.text('list-compress-depth'), '60');
  assert.is(configuration.warnings.length, 1);
  assert.match(configuration.warnings[0], 'line 1 of ');
  assert.match(configuration.warnings[0], "'list-compress-depth' is known but has no effect in Starling");
});

test('the data directory is one per port unless it is given', () => {
  assert.match(load([]).dataDirectory, /\/starling-data$/);
  assert.match(load(['--port', '7000']).dataDirectory, /\/starling-data-7000$/);
  assert.is(load(['--dir', '/data/x']).dataDirectory, '/data/x');
});

test.run();
