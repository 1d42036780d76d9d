/** docs/compatibility.md is generated: it must be what its sources say. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compatibilityPage } from '../../scripts/compatibility/page.ts';

test('docs/compatibility.md is up to date; if not, run scripts/compatibility.ts', () => {
  assert.ok(
    readFileSync('docs/compatibility.md', 'utf8') === compatibilityPage(),
    'run: node --import tsx scripts/compatibility.ts',
  );
});

test.run();
