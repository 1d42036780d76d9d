/** CBOR from outside is plain, or it is refused before it is decoded. */
import { Encoder } from 'cbor-x';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MalformedError } from '../../src/core/bytes.ts';
import { decodePlainMap } from '../../src/core/plain-cbor.ts';

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });

test('what our own encoder writes is read back', () => {
  const map = {
    text: 'ü',
    bytes: Buffer.from([1, 2]),
    numbers: [0, 23, 24, 65536, 2 ** 40, -1, 1.5, Infinity],
    nested: { list: [], yes: true, no: false, nothing: null },
  };
  const decoded = decodePlainMap(encoder.encode(map));
  assert.equal({ ...decoded, bytes: Buffer.from(decoded.bytes as Uint8Array) }, map);
});

test('a whole number of 64 bits is a number like others', () => {
  assert.equal(decodePlainMap(Buffer.from('a1616e1b0000000100000000', 'hex')), { n: 2 ** 32 });
});

test('an envelope of a value of 512 KiB is plain, and its bytes are not copied', () => {
  const bytes = encoder.encode({ t: Buffer.alloc(512 * 1024) });
  const { t } = decodePlainMap(bytes);
  assert.ok(t instanceof Uint8Array && t.buffer === bytes.buffer);
});

const refused: Record<string, string> = {
  nothing: '',
  'a list': '80',
  'a map cut short': 'a1616e',
  'bytes after the map': 'a000',
  'a bignum': 'a1616ec24101',
  'a date': 'a1616ec101',
  'a record for which code would be compiled': 'd9dfff83190100816161f6',
  'a list without a length': 'a1616e9f01ff',
  'a key that is a number': 'a10101',
  'a simple value that nobody knows': 'a1616ef0',
  'a length beyond the end': 'a1616e5bffffffffffffffff',
};

for (const [name, hex] of Object.entries(refused)) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => decodePlainMap(Buffer.from(hex, 'hex')),
      (error: unknown) => error instanceof MalformedError,
    );
  });
}

test('lists in lists without an end are refused, not followed', () => {
  const bytes = Buffer.concat([Buffer.from('a1616e', 'hex'), Buffer.alloc(100_000, 0x81)]);
  assert.throws(() => decodePlainMap(bytes), /nested more than/);
});

test('a list of 200,000 empty lists is refused: it would take forty times its bytes', () => {
  const list = Buffer.concat([Buffer.from('a1616e9a00030d40', 'hex'), Buffer.alloc(200_000, 0x80)]);
  assert.throws(() => decodePlainMap(list), /more memory/);
});

test('a vector of 3,000 short entries is not', () => {
  const vector = Array.from({ length: 3000 }, (_, i) => [i.toString(16).padStart(16, '0'), 1, 1]);
  assert.equal(decodePlainMap(encoder.encode({ vector })), { vector });
});

test.run();
