/** Exact decimals: what is added is exact, what is shown is as Redis shows it. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Decimal } from '../../src/core/decimal.ts';

function decimal(text: string): Decimal {
  const value = Decimal.parse(text);
  if (value === undefined) throw new Error(`not a decimal: ${text}`);
  return value;
}

test('at most 17 digits after the point are shown, rounded half away from zero', () => {
  assert.is(decimal('1.000000000000000005').toString(), '1.00000000000000001');
  assert.is(decimal('-1.000000000000000005').toString(), '-1.00000000000000001');
  assert.is(decimal('1.000000000000000004').toString(), '1');
  assert.is(decimal('1e-20').toString(), '0');
  assert.is(decimal('-1e-20').toString(), '0');
});

test('all digits before the point are shown', () => {
  assert.is(decimal('123456789012345678901234.5').toString(), '123456789012345678901234.5');
  assert.is(decimal('1e30').toString(), `1${'0'.repeat(30)}`);
});

test('what is not shown is kept', () => {
  const tiny = decimal('1e-20');
  assert.is(tiny.exact(), '0.00000000000000000001');
  let sum = tiny;
  for (let i = 1; i < 1000; i++) sum = sum.plus(tiny);
  assert.is(sum.toString(), '0.00000000000000001');
});

test('the order of additions makes no difference', () => {
  const parts = fc.array(fc.tuple(fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }), fc.nat(30)), { maxLength: 8 });
  fc.assert(
    fc.property(parts, (pairs) => {
      const values = pairs.map(([mantissa, scale]) => new Decimal(mantissa, scale));
      const sum = (list: Decimal[]) => list.reduce((total, each) => total.plus(each), Decimal.fromInteger(0)).exact();
      assert.is(sum(values), sum([...values].reverse()));
    }),
  );
});

test('hexadecimal floats are taken as C has them, and exactly', () => {
  const spelled = { '0x10': '16', '-0X1p3': '-8', '0x1.8': '1.5', '0x.1': '0.0625', '+0xAp-1': '5', '0x0': '0' };
  for (const [text, exact] of Object.entries(spelled)) assert.is(decimal(text).exact(), exact);
  for (const text of ['0x', '0x.', '0xg', '0x1p', '0x1p99999', '0x1e+1'])
    assert.is(Decimal.parse(text), undefined, text);
});

test('the exact digits of any sum are read back, however many they are', () => {
  const sum = decimal('1e4900').plus(decimal('1e-4900'));
  assert.is(Decimal.fromExact(sum.exact())?.exact(), sum.exact());
  assert.is(Decimal.fromExact('5.')?.exact(), '5');
  for (const text of ['', '.', '1e3', '0x1', '+1', ' 1']) assert.is(Decimal.fromExact(text), undefined, text);
});

test('what strtold would not take as a finite number is refused', () => {
  for (const text of ['', '.', 'e1', '1e', ' 1', '1 ', '--1', 'inf', 'nan', '1e4933', '1_0']) {
    assert.is(Decimal.parse(text), undefined, text);
  }
});

test.run();
