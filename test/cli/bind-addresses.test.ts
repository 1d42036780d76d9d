/** The forms of `bind`. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bindAddresses, reachableAddress } from '../../src/bind-addresses.ts';

const DUAL = ['127.0.0.1', '::1', '192.0.2.7'];

test('a star stands for every address of its family', () => {
  assert.equal(bindAddresses(['*', '::*'], DUAL), ['0.0.0.0', '::']);
});

test('what may be missing is left out where it is missing', () => {
  assert.equal(bindAddresses(['127.0.0.1', '-::1', '-192.0.2.8'], DUAL), ['127.0.0.1', '::1']);
  assert.equal(bindAddresses(['*', '-::*'], ['127.0.0.1']), ['0.0.0.0']);
  assert.equal(bindAddresses(['-*', '-::*'], DUAL), ['0.0.0.0', '::']);
});

test('what must be there stays, there or not', () => {
  assert.equal(bindAddresses(['192.0.2.8', 'localhost'], DUAL), ['192.0.2.8', 'localhost']);
});

test('a client on the same machine reaches every address by its loopback', () => {
  assert.is(reachableAddress('0.0.0.0'), '127.0.0.1');
  assert.is(reachableAddress('::'), '::1');
  assert.is(reachableAddress('192.0.2.7'), '192.0.2.7');
});

test.run();
