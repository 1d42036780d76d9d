/** MONITOR: what a client that watches is shown of the others, and what it is not. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serve } from './served.ts';
import { talker } from './talker.ts';

/** Lines without their times. */
function shown(heard: string): string[] {
  return heard
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^\+\d{10}\.\d{6} /, ''));
}

test('every command as it runs, quoted, with its database and who said it', () => {
  const { open } = talker();
  const [monitor, client] = [open(), open()];
  assert.is(monitor.say('MONITOR'), '+OK\r\n');
  client.say('SELECT 3', 'set foo "a\\"\\n\\x00b"', 'NOPE', 'GET');
  assert.equal(shown(monitor.talk.heard), ['[0 test:1] "SELECT" "3"', '[3 test:1] "set" "foo" "a\\"\\n\\x00b"']);
});

test('a transaction as its commands run, then EXEC', () => {
  const { open } = talker();
  const [monitor, client] = [open(), open()];
  monitor.say('MONITOR');
  client.say('MULTI', 'SET a 1', 'INCR a', 'EXEC', 'MULTI', 'NOPE', 'EXEC');
  assert.equal(
    shown(monitor.talk.heard).map((line) => line.slice(11)),
    ['"MULTI"', '"SET" "a" "1"', '"INCR" "a"', '"exec"', '"MULTI"', '"exec"'],
  );
});

test('neither passwords nor what administrators say', () => {
  const served = serve();
  const { open } = talker(served);
  const [monitor, client] = [open(), open()];
  monitor.say('MONITOR');
  client.say('AUTH secret', 'HELLO 3 AUTH default secret SETNAME me', 'CONFIG GET port', 'CLIENT LIST', 'PING');
  const lines = shown(monitor.talk.heard);
  assert.not.match(lines.join(), 'secret');
  assert.equal(lines, [
    '[0 test:1] "AUTH" "(redacted)"',
    '[0 test:1] "HELLO" "3" "AUTH" "(redacted)" "(redacted)" "(redacted)" "(redacted)"',
    '[0 test:1] "PING"',
  ]);
});

test('who watches does not touch keys, is shown as such, and ends it with RESET or by going', () => {
  const { served, open } = talker();
  const [monitor, other, client] = [open(), open(), open()];
  monitor.say('MONITOR');
  other.say('MONITOR');
  assert.is(monitor.say('PING').split('\r\n')[0], '+PONG');
  assert.match(monitor.say('GET x'), "-ERR Replica can't interact with the keyspace");
  assert.match(client.say('CLIENT LIST'), /flags=O /);
  assert.is(monitor.say('RESET').split('\r\n')[0], '+RESET');
  other.session.over();
  assert.is(served.services.monitors.count, 0);
  monitor.talk.heard;
  client.say('PING');
  assert.is(monitor.talk.heard, '');
  assert.is(
    client.say('MULTI', 'MONITOR', 'EXEC').split('\r\n')[3],
    "-ERR MONITOR isn't allowed for DENY BLOCKING client",
  );
});

test.run();
