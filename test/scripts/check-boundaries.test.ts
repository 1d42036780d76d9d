/** The boundary check must find what it is there to find: each test plants a violation, or something that only looks like one. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { check, findViolations } from '../../scripts/check-boundaries.ts';

const found = (file: string, source: string): string[] =>
  check(file, source).map(({ line, what }) => `${line} ${what}`);

test('core may not import Node, a package, or anything of ours outside core', () => {
  const source = [
    "import { readFile } from 'node:fs';",
    "import { pino } from 'pino';",
    "import type { Reply } from '../commands/reply.ts';",
    "import { Slice } from './slice.ts';",
    "export * from '../store/index.ts';",
    "const late = import('../mesh/index.ts');",
  ].join('\n');
  assert.equal(found('core/engine.ts', source), [
    '1 core may not import node:fs',
    '2 core may not import the package pino',
    '3 core may not import commands/reply.ts',
    '5 core may not import store/index.ts',
    '6 core may not import mesh/index.ts',
  ]);
});

test('an import over several lines is seen', () => {
  const source = "import {\n  type A,\n  b,\n} from\n  '../resp/session.ts';";
  assert.equal(found('resp/parser.ts', source), []);
  assert.equal(found('commands/hash.ts', source), ['1 commands may not import resp/session.ts']);
});

test('core may not read clocks or randomness, or know the process', () => {
  const source = [
    'const now = Date.now();',
    'const r = Math.random();',
    'setTimeout(() => {}, 1);',
    'if (process.env.X) {}',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the planted source
    'const text = `${performance.now()} Date`;',
  ].join('\n');
  assert.equal(found('core/clock.ts', source), [
    '1 core is pure and may not use Date',
    '2 core is pure and may not use Math.random',
    '3 core is pure and may not use setTimeout',
    '4 core is pure and may not use process',
    '5 core is pure and may not use performance',
  ]);
});

test('words in comments, strings and property names are not uses', () => {
  const source = [
    '// Date.now() is not called, nor import { x } from "node:fs"',
    '/* process */',
    "const a = 'Date // setTimeout';",
    'const b = `crypto is here`;',
    'const c = { performance: 1 };',
    'c.performance;',
    'const d = /[\'"] Date/;',
  ].join('\n');
  assert.equal(found('core/clock.ts', source), []);
});

test('mesh and store take only types from commands/services.ts', () => {
  assert.equal(found('store/index.ts', "import type { StoreService } from '../commands/services.ts';"), []);
  assert.equal(found('store/index.ts', "import { StoreService } from '../commands/services.ts';"), [
    '1 store may import only types from commands/services.ts',
  ]);
  assert.equal(found('mesh/gossip.ts', "import type { Reply } from '../commands/reply.ts';"), [
    '1 mesh may not import commands/reply.ts',
  ]);
});

test('nobody but the command line imports the composition root', () => {
  const source = "import { start } from './starling.ts';";
  assert.equal(found('cli.ts', source), []);
  assert.equal(found('main.ts', source), ['1 only cli.ts may import starling.ts']);
  assert.equal(found('config/file.ts', "import { start } from '../starling.ts';"), [
    '1 only cli.ts may import starling.ts',
  ]);
});

test('config knows nothing of mesh, store and resp', () => {
  assert.equal(found('config/table.ts', "import { openStore } from '../store/index.ts';"), [
    '1 config may not import store/index.ts',
  ]);
});

test('the source as it is keeps all boundaries', () => {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  assert.equal(findViolations(join(root, 'src')), []);
});

test.run();
