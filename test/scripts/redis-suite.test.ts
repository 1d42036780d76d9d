/** How the output of Redis's own test suite is read. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readOutput } from '../../scripts/redis-suite/unit.ts';

const ESCAPE = String.fromCharCode(27);
const RUN = `[ready]: 4711
[testing]: first
[${ESCAPE}[0;32;49mok${ESCAPE}[0m]: first (with brackets) (12 ms)
[${ESCAPE}[0;33;49mskip${ESCAPE}[0m]: second
[${ESCAPE}[0;31;49merr${ESCAPE}[0m]: third in tests/unit/multi.tcl
Expected '1' to be equal to '2'
[${ESCAPE}[0;31;49merr${ESCAPE}[0m]: fourth in tests/unit/multi.tcl
n command 'lpush'
ERR unknown command 'lpush'
    while executing
"r lpush a b"
    (procedure "test" line 3)
[ok]: fifth (0 ms)
[1/1 done]: unit/multi (1 seconds)

                   The End

*** [err]: third in tests/unit/multi.tcl
`;

test('names of passed and skipped tests are read without times and colours', () => {
  const { passed, skipped } = readOutput('multi', RUN);
  assert.equal(passed, ['first (with brackets)', 'fifth']);
  assert.equal(skipped, ['second']);
});

test('a miss is told once, with what was expected', () => {
  const { misses } = readOutput('multi', RUN);
  assert.equal(misses[0], { test: 'third', reason: "Expected '1' to be equal to '2'" });
  assert.is(misses.length, 2);
});

test('of a test that an error threw out the whole error is told', () => {
  const { misses } = readOutput('multi', RUN);
  assert.equal(misses[1], { test: 'fourth', reason: `ERR unknown command 'lpush' | "r lpush a b"` });
});

test('a run that does not come to its end is broken off', () => {
  assert.is(readOutput('multi', RUN).brokenOff, null);
  assert.is.not(readOutput('multi', RUN.slice(0, RUN.indexOf('The End'))).brokenOff, null);
});

test('an exception of the suite breaks the run off, with its text', () => {
  assert.is(
    readOutput('multi', '[exception]: Executing test client: no server.\n').brokenOff,
    'Executing test client: no server.',
  );
});

test.run();
