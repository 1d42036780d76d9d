/**
 * Random commands and transactions, and all events that they tell, against a real redis-server. PROPERTY_RUNS sets how many
 * sequences, PROPERTY_SEED which.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import { compareConversation } from '../conversations.ts';
import { BothServers, differentialTest } from '../differential.ts';
import { assertHolds } from '../random-commands.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 100);
const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);
const COMMANDS_MAX = 12;
const FAR = '4102444800';

let both: BothServers | null = null;
test.after(() => both?.close());

const key = fc.constantFrom('a', 'b', 'c');
const element = fc.constantFrom('1', '2', '3');
const number = fc.constantFrom('0', '1', '-2', '7');
const id = fc.constantFrom('1-1', '2-1', '5-1', '8-1', '0');

function line(...words: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> {
  const parts = words.map((word) => (typeof word === 'string' ? fc.constant(word) : word));
  return fc.tuple(...parts).map((all) => all.join(' '));
}

const command = fc.oneof(
  ...[
    line('SET', key, number),
    line('SET', key, number, fc.constantFrom('NX', 'XX', 'KEEPTTL', `EXAT ${FAR}`, 'XX GET', 'NX GET')),
    line('GETSET', key, number),
    line('SETNX', key, number),
    line('MSET', key, number, key, number),
    line('MSETNX', key, number, key, number),
    line('INCRBY', key, number),
    line('INCRBYFLOAT', key, '0.5'),
    line('APPEND', key, number),
    line('SETRANGE', key, '1', number),
    line('SETBIT', key, number, fc.constantFrom('0', '1')),
    line('BITFIELD', key, fc.constantFrom('SET u4 0 5', 'GET u4 0', 'INCRBY u4 0 0')),
    line('GETDEL', key),
    line('GETEX', key, fc.constantFrom('', 'PERSIST', `EXAT ${FAR}`, 'EXAT 1')),
    line('GET', key),
    line('STRLEN', key),
    line('BITOP', fc.constantFrom('AND', 'OR'), key, key, key),
    line('PFADD', key, element),
    line('PFMERGE', key, key),
  ],
  ...[
    line('HSET', key, element, number),
    line('HSETNX', key, element, number),
    line('HINCRBY', key, element, number),
    line('HINCRBYFLOAT', key, element, '0.5'),
    line('HDEL', key, element, element),
    line('HGET', key, element),
    line('SADD', key, element, element),
    line('SREM', key, element, element),
    line('SMOVE', key, key, element),
    line('SPOP', key, '9'),
    line(fc.constantFrom('SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE'), key, key, key),
  ],
  ...[
    line('ZADD', key, fc.constantFrom('', 'NX', 'XX', 'GT', 'LT', 'INCR', 'XX INCR', 'NX INCR'), number, element),
    line('ZINCRBY', key, number, element),
    line('ZREM', key, element, element),
    line('ZREMRANGEBYSCORE', key, '-9', number),
    line('ZREMRANGEBYRANK', key, '0', '0'),
    line(fc.constantFrom('ZPOPMIN', 'ZPOPMAX'), key),
    line('ZMPOP', '2', key, key, fc.constantFrom('MIN', 'MAX')),
    line(fc.constantFrom('ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE'), key, '2', key, key),
    line('ZRANGESTORE', key, key, '0', number),
    line('GEOADD', key, '1', '1', element),
    line('GEOSEARCHSTORE', key, key, 'FROMLONLAT 1 1 BYRADIUS 100 km'),
  ],
  ...[
    line('XADD', key, fc.constantFrom('', 'MAXLEN 1', 'NOMKSTREAM', 'MINID 5'), id, 'f v'),
    line('XDEL', key, id, id),
    line('XTRIM', key, 'MAXLEN', number),
    line('XSETID', key, id),
    line('XGROUP CREATE', key, 'g', id, fc.constantFrom('', 'MKSTREAM')),
    line('XGROUP SETID', key, 'g', id),
    line(fc.constantFrom('XGROUP CREATECONSUMER', 'XGROUP DELCONSUMER'), key, 'g c'),
    line('XGROUP DESTROY', key, 'g'),
    line('XCLAIM', key, 'g', fc.constantFrom('c', 'd'), '0', id, fc.constantFrom('', 'FORCE')),
    line('XAUTOCLAIM', key, 'g d 0 -'),
    line('XREADGROUP GROUP g c STREAMS', key, id),
    line('XACK', key, 'g', id),
  ],
  ...[
    line('DEL', key, key),
    line('RENAME', key, key),
    line('RENAMENX', key, key),
    line('COPY', key, key, fc.constantFrom('', 'REPLACE', 'DB 1', 'DB 1 REPLACE')),
    line('MOVE', key, '1'),
    line('EXPIREAT', key, fc.constantFrom(FAR, '1', `${FAR} GT`, `${FAR} XX`)),
    line('PERSIST', key),
    line('EXISTS', key, key),
    line('TYPE', key),
    line('SORT none STORE', key),
  ],
);

const commands = fc.array(command, { minLength: 1, maxLength: COMMANDS_MAX });
const sequence = fc.tuple(fc.boolean(), commands).map(([isTransaction, lines]) => {
  const words = lines.map((each) => each.replace(/ +/g, ' ').trim());
  return `c: ${(isTransaction ? ['MULTI', ...words, 'EXEC'] : words).join(' ; ')}`;
});

differentialTest(`random commands tell the events of Redis, in its order (seed ${SEED})`, async () => {
  console.log(`PROPERTY_SEED=${SEED}`);
  both ??= await BothServers.open({ 'notify-keyspace-events': 'KEAn' });
  const servers = both;
  await assertHolds(
    fc.asyncProperty(fc.array(sequence, { minLength: 1, maxLength: 3 }), async (lines) => {
      await servers.answers(['FLUSHALL']);
      await compareConversation(servers, ['l: PSUBSCRIBE __key*', ...lines], (by) => by === 'l');
    }),
    RUNS,
    SEED,
  );
});

test.run();
