/** Clients, peers and what a node needs itself share the files that the system lets it open. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clientsPossible, peersPossible } from '../../src/open-files.ts';

const LIMITS = [64, 256, 1024, 4096, 65_536, 1_048_576];

test('there are never more clients and peers than files, and some are left', () => {
  for (const limit of LIMITS) assert.ok(clientsPossible(limit) + peersPossible(limit) < limit, `of ${limit}`);
});

test('a larger limit never lets fewer in', () => {
  for (const [index, limit] of LIMITS.slice(1).entries()) {
    assert.ok(clientsPossible(limit) >= clientsPossible(LIMITS[index]));
    assert.ok(peersPossible(limit) >= peersPossible(LIMITS[index]));
  }
});

test('with the usual limits there is room for as many peers as members are remembered', () => {
  assert.is(peersPossible(65_536), 1024);
  assert.is(peersPossible(Number.POSITIVE_INFINITY), 1024);
  assert.is(clientsPossible(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
  assert.ok(clientsPossible(65_536) > 10_000);
});

test.run();
