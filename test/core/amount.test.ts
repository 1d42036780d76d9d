/** What counters add up: whole numbers within 64 bits as clients see them, and decimals without bounds. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Amount, exactAmount, minus, plus, readAmount, showAmount, writeAmount } from '../../src/core/amount.ts';
import { ByteReader, ByteWriter } from '../../src/core/bytes.ts';
import { Decimal } from '../../src/core/decimal.ts';

const INT64_MAX = 9223372036854775807n;

function decimal(text: string): Decimal {
  const value = Decimal.parse(text);
  if (value === undefined) throw new Error(`not a decimal: ${text}`);
  return value;
}

function sent(amount: Amount): Amount {
  const writer = new ByteWriter();
  writeAmount(writer, amount);
  return readAmount(new ByteReader(writer.bytes, 0, writer.at));
}

test('whole increments whose sum passes 64 bits show the nearest 64-bit number', () => {
  assert.is(showAmount(plus(INT64_MAX, 5)), INT64_MAX.toString());
  assert.is(showAmount(plus(-INT64_MAX, -5)), (-INT64_MAX - 1n).toString());
  assert.is(showAmount(minus(plus(INT64_MAX, 5), 5)), INT64_MAX.toString());
});

test('a sum with a decimal part shows all of its digits, without fraction too', () => {
  assert.is(showAmount(plus(1, decimal('1e30'))), `1${'0'.repeat(29)}1`);
  assert.is(showAmount(plus(INT64_MAX, decimal('5'))), '9223372036854775812');
});

test('the order of the parts makes no difference to what is shown', () => {
  const parts: Amount[] = [decimal('1e30'), decimal('-1e30'), INT64_MAX, 1];
  const sum = (list: readonly Amount[]) => showAmount(list.reduce(plus, 0));
  assert.is(sum(parts), '9223372036854775808');
  assert.is(sum([...parts].reverse()), '9223372036854775808');
  assert.is(sum([parts[2], parts[0], parts[3], parts[1]]), '9223372036854775808');
});

test('an amount arrives as it was sent: a decimal as a decimal', () => {
  for (const amount of [0, -7, 2 ** 49, 2 ** 52, INT64_MAX + 5n, -INT64_MAX - 5n]) assert.is(sent(amount), amount);
  for (const text of ['0.5', '-3', '1e30', '1e4900']) {
    const arrived = sent(decimal(text));
    assert.instance(arrived, Decimal);
    assert.is(exactAmount(arrived), decimal(text).exact());
  }
  const widest = plus(decimal('1e4900'), decimal('1e-4900'));
  assert.is(exactAmount(sent(widest)), exactAmount(widest));
});

test.run();
