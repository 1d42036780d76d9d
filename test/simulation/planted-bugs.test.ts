/** The bugs that measure the simulator can still be planted: each text that they change stands in the source once. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PLANTED_BUGS } from './planted-bugs.ts';

const ROOT = new URL('../../', import.meta.url);

test('there are at least 25, each under a name of its own', () => {
  assert.ok(PLANTED_BUGS.length >= 25);
  assert.is(new Set(PLANTED_BUGS.map(({ name }) => name)).size, PLANTED_BUGS.length);
});

for (const { name, file, find, replace, also } of PLANTED_BUGS) {
  test(`${name}: its place is there`, () => {
    const source = readFileSync(new URL(file, ROOT), 'utf8');
    for (const place of also === undefined ? [{ find, replace }] : [{ find, replace }, also]) {
      assert.is(source.split(place.find).length - 1, 1, `${file} holds once: ${place.find}`);
      assert.is.not(place.replace, place.find);
    }
  });
}

test.run();
