/** docs/configuration.md is generated: it must be what the table of directives says. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { configurationPage } from '../../scripts/configuration-docs/page.ts';
import { DIRECTIVES } from '../../src/config/directives.ts';

test('docs/configuration.md is up to date; if not, run scripts/configuration-docs.ts', () => {
  assert.ok(
    readFileSync('docs/configuration.md', 'utf8') === configurationPage(),
    'run: node --import tsx scripts/configuration-docs.ts',
  );
});

test('the page names every directive that CONFIG GET * shows', () => {
  const page = configurationPage();
  for (const { name, hidden } of DIRECTIVES) if (hidden !== true) assert.match(page, `\`${name}\``);
});

test.run();
