/** The config file, from its text to the settings and back. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Configuration } from '../../../src/config/configuration.ts';
import { DIRECTIVES } from '../../../src/config/directives.ts';
import { quote, splitLine } from '../../../src/config/lines.ts';
import { ConfigError, parseConfigText } from '../../../src/config/sources.ts';
import { accepted, type Target } from '../target.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-fuzz-config-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'fuzzed.conf');
let configuration: Configuration | null = null;

export const target: Target = {
  name: 'config',
  guidedBy: ['/src/config/'],
  bytesMax: 16 * 1024,
  words: [
    '"',
    "'",
    '\\',
    '\\x0a',
    '#',
    '\n',
    ' ',
    ...DIRECTIVES.map(({ name }) => `\n${name} `),
    'yes',
    'no',
    '64mb',
    '50%',
    'include nowhere.conf\n',
  ],
  seeds: () => [
    Buffer.from(`# a comment\nport 7000\nmaxmemory 64mb\nsave 900 1 300 10\nbootstrap /ip4/192.0.2.7/tcp/4001\n`),
    Buffer.from(
      `requirepass "a \\"b\\" \\x41\\n"\ncluster 'it\\'s'\nclient-output-buffer-limit normal 0 0 0 pubsub 32mb 8mb 60\n`,
    ),
    Buffer.from(DIRECTIVES.map(({ name, default: value }) => `${name} ${quote(value)}\n`).join('')),
    Buffer.from('include nowhere.conf\n'),
  ],
  run(bytes) {
    const text = bytes.toString('utf8');
    configuration = null;
    accepted(() => {
      configuration = new Configuration(parseConfigText(text, file), file);
    }, ConfigError);
  },
  check(bytes) {
    const text = bytes.toString('utf8');
    for (const line of text.split(/\r?\n/)) {
      const words = splitLine(line);
      if (words !== null) assert.deepEqual(splitLine(words.map(quote).join(' ')), words);
    }
    if (configuration !== null) assertRewritten(configuration, text);
  },
};

/** What CONFIG REWRITE writes says the same. */
function assertRewritten(before: Configuration, text: string): void {
  writeFileSync(file, text);
  assert.equal(before.rewrite(), null);
  const after = new Configuration(parseConfigText(readFileSync(file, 'utf8'), file), file);
  for (const { name } of DIRECTIVES) assert.equal(after.raw(name), before.raw(name), name);
}
