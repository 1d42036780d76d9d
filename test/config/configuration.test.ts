/** The settings of a running node: CONFIG GET, SET and REWRITE, and that they agree with the config file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Configuration } from '../../src/config/configuration.ts';
import { DIRECTIVES } from '../../src/config/directives.ts';
import { quote, splitLine } from '../../src/config/lines.ts';
import { samplesOf } from './directives.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-config-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'starling.conf');

function started(content: string, flags: readonly string[] = []): Configuration {
  writeFileSync(path, content);
  return Configuration.load([path, ...flags], {}).configuration;
}

function again(): Configuration {
  return Configuration.load([path], {}).configuration;
}

function settingsOf(configuration: Configuration): Record<string, string> {
  return Object.fromEntries(DIRECTIVES.map(({ name }) => [name, configuration.raw(name)]));
}

test('SET changes what GET shows, by either name', () => {
  const configuration = new Configuration([]);
  assert.is(configuration.set([['zset-max-ziplist-entries', '7']]), null);
  assert.is(configuration.get('zset-max-listpack-entries'), '7');
  assert.is(configuration.get('ZSET-MAX-ZIPLIST-ENTRIES'), '7');
});

test('every mutable directive takes its values by SET, and every other one the value that it has', () => {
  for (const directive of DIRECTIVES) {
    const configuration = new Configuration([]);
    const { name, mutable, frozen = false } = directive;
    const samples = samplesOf(directive);
    // users are no settings
    if (directive.type.kind === 'users') continue;
    if (mutable) {
      for (const value of samples) {
        assert.is(configuration.set([[name, value]]), null, name);
        assert.is(configuration.get(name), value);
      }
      continue;
    }
    const refusal = `CONFIG SET failed (possibly related to argument '${name}') - can't set immutable config`;
    for (const value of samples) assert.is(configuration.set([[name, value]]), refusal);
    const unchanged = configuration.set([[name, configuration.get(name) ?? '']]);
    assert.is(unchanged, frozen ? refusal : null, name);
  }
});

test('SET changes all of its pairs or none', () => {
  const configuration = new Configuration([]);
  const failure = configuration.set([
    ['maxmemory', '10000001'],
    ['maxmemory-clients', '200%'],
  ]);
  assert.is(
    failure,
    "CONFIG SET failed (possibly related to argument 'maxmemory-clients') - percentage argument must be less or equal to 100",
  );
  assert.is(configuration.get('maxmemory'), '0');
});

test('an unknown, immutable or repeated name is found before any value is looked at', () => {
  const configuration = new Configuration([]);
  const bad = ['maxmemory', 'much'] as const;
  assert.match(
    configuration.set([bad, ['nonsense', '1']]) ?? '',
    "Unknown option or number of arguments for CONFIG SET - 'nonsense'",
  );
  assert.match(configuration.set([bad, ['daemonize', 'no']]) ?? '', "can't set immutable config");
  assert.match(
    configuration.set([
      ['timeout', '1'],
      ['TIMEOUT', '1'],
    ]) ?? '',
    "argument 'TIMEOUT') - duplicate parameter",
  );
});

test('listeners hear of a change with the name that the table has', () => {
  const configuration = new Configuration([]);
  const heard: string[] = [];
  configuration.onChange((name, value) => heard.push(`${name}=${value}`));
  configuration.set([['log-level', 'WARN']]);
  assert.equal(heard, ['loglevel=warning']);
});

test('maxmemory-clients takes bytes and percentages', () => {
  const configuration = new Configuration([]);
  assert.is(configuration.set([['maxmemory-clients', '50%']]), null);
  assert.is(configuration.get('maxmemory-clients'), '50%');
  assert.is(configuration.set([['maxmemory-clients', '1mb']]), null);
  assert.is(configuration.get('maxmemory-clients'), '1048576');
  assert.match(configuration.set([['maxmemory-clients', 'x%']]) ?? '', 'argument must be a memory or percent value');
});

test('client-output-buffer-limit changes the classes that are named', () => {
  const configuration = new Configuration([]);
  assert.is(configuration.set([['client-output-buffer-limit', 'normal 1mb 2 3 replica 4 5 6']]), null);
  assert.is(
    configuration.get('client-output-buffer-limit'),
    'normal 1048576 2 3 slave 4 5 6 pubsub 33554432 8388608 60',
  );
  for (const value of ['', 'normal 1 2', 'nobody 1 2 3', 'normal 1 2 x', 'normal -1 2 3'])
    assert.ok(configuration.set([['client-output-buffer-limit', value]]) !== null, value);
});

test('a pattern finds names and aliases, sorted, but no hidden ones; a whole name finds any', () => {
  const configuration = new Configuration([]);
  assert.equal(configuration.match('*of'), ['replicaof', 'slaveof']);
  assert.equal(configuration.match('Hash-Max-*-Value'), ['hash-max-listpack-value', 'hash-max-ziplist-value']);
  assert.equal(configuration.match('key-load-dela?'), []);
  assert.equal(configuration.match('key-load-delay'), ['key-load-delay']);
  assert.equal(configuration.match('nothing-of-the-kind'), []);
});

test('dir is the absolute path of the data directory', () => {
  const [setting] = [{ name: 'port', value: '7000', from: 'a test' }];
  assert.is(new Configuration([setting]).get('dir'), join(process.cwd(), 'starling-data-7000'));
});

test('REWRITE keeps comments and order, and appends what the file does not say', () => {
  const configuration = started('# mine\nport 7000\n\n  # about memory\nmaxmemory 1mb\n', ['--region', 'two words']);
  configuration.set([
    ['maxmemory', '2mb'],
    ['timeout', '9'],
  ]);
  assert.is(configuration.rewrite(), null);
  assert.is(
    readFileSync(path, 'utf8'),
    [
      '# mine',
      'port 7000',
      '',
      '  # about memory',
      'maxmemory 2097152',
      '# Generated by CONFIG REWRITE',
      'timeout 9',
      'region "two words"',
      '',
    ].join('\n'),
  );
});

test('REWRITE a second time changes nothing', () => {
  const configuration = started('save 900 1\nsave 300 10\n', ['--timeout', '9']);
  assert.is(configuration.rewrite(), null);
  const once = readFileSync(path, 'utf8');
  assert.match(once, /^save 900 1 300 10$/m);
  assert.is(configuration.rewrite(), null);
  assert.is(readFileSync(path, 'utf8'), once);
});

test('a value set back to its default is rewritten in its place', () => {
  const configuration = started('timeout 9\nport 7000\n');
  configuration.set([['timeout', '0']]);
  configuration.rewrite();
  assert.is(readFileSync(path, 'utf8'), 'timeout 0\nport 7000\n');
});

test('a start from the rewritten file gives the same configuration, whatever was set', () => {
  for (const directive of DIRECTIVES.filter(({ mutable }) => mutable)) {
    for (const value of samplesOf(directive)) {
      const configuration = started('port 7000\nrequirepass "first one"\n');
      assert.is(configuration.set([[directive.name, value]]), null);
      assert.is(configuration.rewrite(), null);
      assert.equal(settingsOf(again()), settingsOf(configuration), `${directive.name} ${value}`);
    }
  }
});

test('included settings that were changed are overridden at the end, lists among them', () => {
  writeFileSync(join(folder, 'inner.conf'), 'timeout 5\nsave 900 1\nbind 127.0.0.2\n');
  const configuration = started('timeout 4\ninclude inner.conf\n', ['--bind', '127.0.0.3']);
  configuration.set([
    ['timeout', '6'],
    ['save', '60 7'],
  ]);
  assert.is(configuration.rewrite(), null);
  assert.match(readFileSync(path, 'utf8'), /^include inner\.conf$/m);
  assert.equal(settingsOf(again()), settingsOf(configuration));
});

test('REWRITE without a config file, or of one that is gone, says so', () => {
  assert.is(new Configuration([]).rewrite(), 'The server is running without a config file');
  const configuration = started('port 7000\n');
  rmSync(path);
  assert.match(configuration.rewrite() ?? '', /^Rewriting config file: /);
});

test('a word comes back from its quotes as it was', () => {
  const word = fc.string({
    unit: fc.oneof(fc.string({ minLength: 1, maxLength: 1 }), fc.constantFrom(...'\n\r\t\x00"\'\\# é€')),
  });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      const line = ['requirepass', ...words].map(quote).join(' ');
      assert.not.match(line, /[\r\n]/);
      assert.equal(splitLine(line), ['requirepass', ...words]);
    }),
  );
});

test.run();
