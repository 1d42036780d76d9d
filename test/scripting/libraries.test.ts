/** The libraries of scripts where there is no redis-server to compare with: known results, and numbers as C prints them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toBits } from '../../src/scripting/bit.ts';
import { formatNumber, general } from '../../src/scripting/numbers.ts';
import { shebang } from '../../src/scripting/script.ts';
import { SingleNode } from '../commands/single-node.ts';

const evaluate = (script: string, ...args: string[]) => new SingleNode().run('EVAL', script, '0', ...args);

test('numbers are printed as by C', () => {
  const printed: [number, number, string][] = [
    [0.1, 17, '0.10000000000000001'],
    [0.1, 14, '0.1'],
    [1e15, 14, '1e+15'],
    [123456, 14, '123456'],
    [1e-5, 14, '1e-05'],
    [0.0001, 14, '0.0001'],
    [-0, 14, '-0'],
    [1e300, 17, '1.0000000000000001e+300'],
    [Number.POSITIVE_INFINITY, 14, 'inf'],
    [Number.NaN, 14, 'nan'],
    [99999999999999.9, 14, '1e+14'],
  ];
  for (const [value, digits, text] of printed) assert.is(general(value, digits), text);
  assert.is(formatNumber(3), '3');
  assert.is(formatNumber(2 ** 62), '4611686018427387904');
  assert.is(formatNumber(3.3), '3.2999999999999998');
});

test('bit rounds to the nearest, even numbers first, and takes 32 bits', () => {
  assert.equal([2.5, 3.5, -1.5, 2 ** 32 + 5, 2 ** 31, -1].map(toBits), [2, 4, -2, 5, -(2 ** 31), -1]);
});

test('the first line of a script is words, quoted or not', () => {
  assert.equal(shebang(Buffer.from('#!lua name=x flags=a,b\ncode')).words, ['lua', 'name=x', 'flags=a,b']);
  assert.equal(shebang(Buffer.from('#!lua name="a b"\n')).words, ['lua', 'name=a b']);
  assert.is(shebang(Buffer.from('#!lua\nreturn 1')).rest.toString(), '\nreturn 1');
  assert.type(shebang(Buffer.from('#!lua')).error, 'string');
});

test('MessagePack has the bytes of its specification', async () => {
  const script = `local hex = {} for i = 1, #ARGV do
    local packed = cmsgpack.pack(loadstring('return ' .. ARGV[i])())
    hex[i] = (packed:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end return hex`;
  const pairs: [string, string][] = [
    ['nil', 'c0'],
    ['true', 'c3'],
    ['-33', 'd0df'],
    ['65536', 'ce00010000'],
    ['2^32', 'cf0000000100000000'],
    ['1.5', 'ca3fc00000'],
    ["'ab'", 'a26162'],
    ['{1, 2}', '920102'],
    ['{a = 1}', '81a16101'],
  ];
  assert.equal(
    await evaluate(script, ...pairs.map(([value]) => value)),
    pairs.map(([, hex]) => hex),
  );
});

test('struct packs by its format, with its alignment', async () => {
  assert.is(await evaluate("return struct.pack('>Ih', 1, -2)"), '\0\0\0\x01\xff\xfe');
  assert.is(await evaluate("return struct.pack('!4bi', 1, 2)"), '\x01\0\0\0\x02\0\0\0');
  assert.equal(await evaluate("return {struct.unpack('<Hs', '\\1\\2abc\\0')}"), [513, 'abc', 7]);
});

test('cjson tells where it stumbled', async () => {
  assert.match(
    String(await evaluate("return cjson.decode('[1,]')")),
    'Expected value but found T_ARR_END at character 4',
  );
  assert.match(String(await evaluate('return cjson.encode({[1] = 1, [100] = 2})')), 'excessively sparse array');
});

test.run();
