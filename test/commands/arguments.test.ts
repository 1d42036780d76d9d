/** Numbers and expire times as Redis reads them: what is taken, what is refused, and in which words. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  deadlineArgument,
  decimalArgument,
  doubleArgument,
  type ExpireUnit,
  expireUnit,
  integerArgument,
  numberArgument,
  parseDouble,
  rangedArgument,
  toDeadline,
} from '../../src/commands/arguments.ts';
import type { Call } from '../../src/commands/table.ts';
import { Slice } from '../../src/core/index.ts';

const NOW = Date.UTC(2026, 0, 1);

/** As much of a running command as reading arguments needs; `errors` is what it has answered. */
function callWith(...args: string[]): { call: Call; errors: string[] } {
  const errors: string[] = [];
  const partial = {
    // arguments stand in the middle of other bytes
    args: args.map((text) => {
      const bytes = Buffer.from(`9${text}9`, 'latin1');
      return new Slice(bytes, 1, bytes.length - 1);
    }),
    argc: args.length,
    engine: { now: NOW },
    command: { name: 'getex' },
    reply: { error: (text: string) => errors.push(text) },
  };
  return { call: partial as unknown as Call, errors };
}

test('an integer has 64 bits, and is a number while it is a safe one', () => {
  const cases: [string, number | bigint][] = [
    ['0', 0],
    ['-1', -1],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
  ];
  for (const [text, value] of cases) assert.is(integerArgument(callWith(text).call, 0), value);
});

test('anything else is no integer', () => {
  const refused = [
    '',
    '-',
    '+1',
    '01',
    '-0',
    ' 1',
    '1 ',
    '1.0',
    '1e3',
    '0x1',
    '9223372036854775808',
    '-9223372036854775809',
  ];
  for (const text of refused) {
    const { call, errors } = callWith(text);
    assert.is(integerArgument(call, 0), undefined, text);
    assert.equal(errors, ['ERR value is not an integer or out of range'], text);
  }
});

test('a caller may have its own words for what is no integer', () => {
  const { call, errors } = callWith('x');
  numberArgument(call, 0, 'ERR hash value is not an integer');
  assert.equal(errors, ['ERR hash value is not an integer']);
});

test('a number is an integer that may have lost digits', () => {
  assert.is(numberArgument(callWith('9223372036854775807').call, 0), 2 ** 63);
});

test('a ranged number includes both ends and has one error for all else', () => {
  assert.is(rangedArgument(callWith('3').call, 0, 3, 5, 'ERR no'), 3);
  assert.is(rangedArgument(callWith('5').call, 0, 3, 5, 'ERR no'), 5);
  for (const text of ['2', '6', 'x', '9223372036854775807', '-9223372036854775808']) {
    const { call, errors } = callWith(text);
    assert.is(rangedArgument(call, 0, 3, 5, 'ERR no'), undefined);
    assert.equal(errors, ['ERR no']);
  }
});

test('a decimal is exact, and an infinity has words of its own', () => {
  assert.is(decimalArgument(callWith('0.1').call, 0)?.exact(), '0.1');
  for (const text of ['inf', '-INF', '+Infinity']) {
    const { call, errors } = callWith(text);
    assert.is(decimalArgument(call, 0), undefined);
    assert.is(decimalArgument(call, 0, 'ERR value is NaN or Infinity'), undefined);
    assert.equal(errors, ['ERR increment would produce NaN or Infinity', 'ERR value is NaN or Infinity']);
  }
  for (const text of ['', 'x', 'nan', ' 1', '1 ', '1e', '1e5000']) {
    const { call, errors } = callWith(text);
    assert.is(decimalArgument(call, 0), undefined, text);
    assert.equal(errors, ['ERR value is not a valid float'], text);
  }
});

test('a double may be infinite but not out of range', () => {
  const taken: [string, number][] = [
    ['1', 1],
    ['-.5', -0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['+2E-2', 0.02],
    ['0e999', 0],
    ['inf', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
  ];
  for (const [text, value] of taken) assert.is(parseDouble(Slice.of(text)), value, text);
  for (const text of ['', '.', 'e1', ' 1', '1 ', 'nan', '1e400', '-1e400', '1e-400', '1,5']) {
    assert.is(parseDouble(Slice.of(text)), undefined, text);
    const { call, errors } = callWith(text);
    assert.is(doubleArgument(call, 0), undefined);
    assert.equal(errors, ['ERR value is not a valid float']);
  }
});

test('expire options are known in any case', () => {
  const units: [string, ExpireUnit | undefined][] = [
    ['EX', 'ex'],
    ['px', 'px'],
    ['ExAt', 'exat'],
    ['PXAT', 'pxat'],
    ['E', undefined],
    ['EXA', undefined],
    ['', undefined],
  ];
  for (const [word, unit] of units) assert.is(expireUnit(Slice.of(word)), unit);
});

test('a deadline is a point in time, whichever way it was given', () => {
  const cases: [string, ExpireUnit, number][] = [
    ['10', 'ex', NOW + 10_000],
    ['10', 'px', NOW + 10],
    ['10', 'exat', 10_000],
    ['10', 'pxat', 10],
  ];
  for (const [text, unit, deadline] of cases) assert.is(deadlineArgument(callWith(text).call, 0, unit), deadline);
});

test('a time that is not positive or overflows is invalid for the command that was given it', () => {
  const refused: [string, ExpireUnit][] = [
    ['0', 'ex'],
    ['-1', 'px'],
    ['0', 'pxat'],
    ['9223372036854776', 'ex'],
    ['9223372036854776', 'exat'],
    ['9223372036854775807', 'px'],
    ['9223372036854775', 'ex'],
  ];
  for (const [text, unit] of refused) {
    const { call, errors } = callWith(text);
    assert.is(deadlineArgument(call, 0, unit), undefined, `${unit} ${text}`);
    assert.equal(errors, ["ERR invalid expire time in 'getex' command"], `${unit} ${text}`);
  }
});

test('64-bit arithmetic decides what overflows, also beyond what a number holds exactly', () => {
  const max = 9223372036854775807n;
  assert.is(toDeadline(max, 'pxat', NOW), Number(max));
  assert.is(toDeadline(max - BigInt(NOW), 'px', NOW), Number(max));
  assert.is(toDeadline(max - BigInt(NOW) + 1n, 'px', NOW), undefined);
  assert.is(toDeadline(9223372036854775n, 'exat', NOW), Number(9223372036854775000n));
  assert.is(toDeadline(-max - 1n, 'pxat', NOW), Number(-max - 1n));
  assert.is(toDeadline(-9223372036854776n, 'exat', NOW), undefined);
  assert.is(toDeadline(-1, 'ex', NOW), NOW - 1000);
});

test.run();
