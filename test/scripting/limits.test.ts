/** What scripts may not do to the node: bounds of memory and depth, and hostile bytes to every library. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SingleNode } from '../commands/single-node.ts';

const RUNS = 200;
const seed = Date.now();
console.log(`seed ${seed}`);

test('a script that wants more memory than there is gets an error, and the next script runs', async () => {
  const node = new SingleNode();
  const bomb = "local s = 'x' while true do s = s .. s end";
  assert.match(String(await node.run('EVAL', bomb, '0')), /^-ERR not enough memory/);
  assert.is(await node.run('EVAL', 'return 1', '0'), 1);
  const table = 'local t = {} while true do t[#t + 1] = {} end';
  assert.match(String(await node.run('EVAL', table, '0')), /^-ERR .*(not enough memory|broken)/);
  assert.is(await node.run('EVAL', 'return 2', '0'), 2);
});

test('a pattern that overflows the native stack costs the interpreter, and nothing else', async () => {
  const node = new SingleNode();
  await node.run('SCRIPT', 'LOAD', 'return 7');
  const script = "return ('a'):rep(200000):find(('a?'):rep(20000) .. ('a'):rep(2000))";
  assert.match(String(await node.run('EVAL', script, '0')), /^-ERR the script has broken its interpreter/);
  const sha = await node.run('SCRIPT', 'LOAD', 'return 7');
  assert.is(await node.run('EVALSHA', String(sha), '0'), 7);
});

test('recursion without end is an error, in Lua, in C, in coroutines and in metamethods', async () => {
  const node = new SingleNode();
  const scripts = [
    'local function f() return 1 + f() end return f()',
    "local function f() return (string.gsub('a', 'a', '%0', f())) end return f()",
    'local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k + 1] end return t[1]',
    'local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return coroutine.wrap(function() return t[k + 1] end)() end return t[1]',
    "return loadstring('return ' .. ('('):rep(10000) .. '1' .. (')'):rep(10000))()",
  ];
  for (const script of scripts) assert.match(String(await node.run('EVAL', script, '0')), /^-ERR /, script);
  const nested = 'local t = {} for i = 1, 100000 do t = {t} end return t';
  const depths =
    "local depth = 0 local function count(t) while type(t) == 'table' do depth = depth + 1 t = t[1] end end ";
  assert.is(await node.run('EVAL', `${depths}${nested.replace('return t', 'count(t) return depth')}`, '0'), 100_001);
  for (const script of [
    'local t = {} for i = 1, 100000 do t = {t} end return cjson.encode(t)',
    "return cjson.decode(('['):rep(100000))",
    "return cmsgpack.unpack(('\\145'):rep(100000))",
  ])
    assert.match(String(await node.run('EVAL', script, '0')), /^-ERR user_script:1: /, script);
  assert.is(await node.run('EVAL', 'return 1', '0'), 1);
});

test('bytecode is not loaded, and nothing global can be changed or reached', async () => {
  const node = new SingleNode();
  assert.match(String(await node.run('EVAL', '\x1bLua', '0')), /^-ERR Error compiling script/);
  assert.is(await node.run('EVAL', 'return type(loadstring(string.dump(function() end)))', '0'), 'nil');
  for (const name of [
    'os',
    'io',
    'require',
    'dofile',
    'loadfile',
    'debug',
    'package',
    'newproxy',
    'getfenv',
    'setfenv',
    'print',
    'module',
  ])
    assert.match(String(await node.run('EVAL', `return ${name}`, '0')), /nonexistent global variable/, name);
  const attempts = [
    'string.upper = nil',
    "getmetatable('').__index.upper = nil",
    "getmetatable('').__index = nil",
    'getmetatable(_G).__index = nil',
    'setmetatable(_G, nil)',
    "rawset(string, 'upper', nil)",
    'local _, t = pairs(string) t.upper = nil',
    'local f, t = pairs(string) local k = f(t) t[k] = nil',
    'table.insert(string, 1)',
    'redis.call = nil',
  ];
  for (const attempt of attempts) await node.run('EVAL', attempt, '0');
  assert.is(
    await node.run('EVAL', "return ('ok'):upper() .. type(redis.call) .. tostring(rawget(string, 1))", '0'),
    'OKfunctionnil',
  );
});

test('cjson gives back what it was given, and cmsgpack too', async () => {
  const node = new SingleNode();
  const value = fc.jsonValue({ maxDepth: 5 }).filter((each) => each !== null);
  await fc.assert(
    fc.asyncProperty(value, async (given) => {
      const text = JSON.stringify(given);
      const script = `
        local value = cjson.decode(ARGV[1])
        local again = cmsgpack.unpack(cmsgpack.pack(value))
        return {cjson.encode(value), cjson.encode(cjson.decode(cjson.encode(value))), cjson.encode(again)}`;
      const reply = await node.run('EVAL', script, '0', Buffer.from(text).toString('latin1'));
      if (!Array.isArray(reply)) throw new Error(`${text}: ${String(reply)}`);
      const [once, twice] = reply.map((each) => JSON.parse(Buffer.from(String(each), 'latin1').toString()));
      assert.equal(twice, once);
      assert.equal(once, asLuaHasIt(given));
    }),
    { seed, numRuns: RUNS },
  );
});

test('cmsgpack gives back strings and numbers exactly', async () => {
  const node = new SingleNode();
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.double({ noNaN: true }), async (bytes, number) => {
      const script = `
        local text, number, same = cmsgpack.unpack(cmsgpack.pack(ARGV[1], tonumber(ARGV[2]), true))
        return {tostring(text == ARGV[1]), tostring(number == tonumber(ARGV[2])), tostring(same)}`;
      const reply = await node.run('EVAL', script, '0', Buffer.from(bytes), String(number));
      assert.equal(reply, ['true', 'true', 'true']);
    }),
    { seed, numRuns: RUNS },
  );
});

test('whatever bytes the libraries are given, they answer', async () => {
  const node = new SingleNode();
  const script = `
    pcall(cmsgpack.unpack, ARGV[1])
    pcall(cjson.decode, ARGV[1])
    pcall(struct.unpack, ARGV[2], ARGV[1])
    pcall(struct.pack, ARGV[2], 1, ARGV[1], 2, ARGV[1])
    pcall(struct.size, ARGV[2])
    pcall(loadstring, ARGV[1])
    return 'answered'`;
  const format = fc.string({ unit: fc.constantFrom(...'bBhHlLTiIcsfdx<>! 0123456789'), maxLength: 12 });
  const json = fc.string({ unit: fc.constantFrom(...'[]{}:,"\\ueE+-.0123456789nulltrfasInx '), maxLength: 40 });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    json.map((text) => Buffer.from(text)),
  );
  await fc.assert(
    fc.asyncProperty(bytes, format, async (given, layout) => {
      assert.is(await node.run('EVAL', script, '0', Buffer.from(given), layout), 'answered');
    }),
    { seed, numRuns: RUNS },
  );
});

/** Lua has no empty arrays, no −0 in whole numbers, 14 digits in cjson, and null at the end of an array is one. */
function asLuaHasIt(value: unknown): unknown {
  if (typeof value === 'number') return Number(value.toPrecision(14));
  if (Array.isArray(value)) return value.length === 0 ? {} : value.map(asLuaHasIt);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, asLuaHasIt(each)]));
}

test.run();
