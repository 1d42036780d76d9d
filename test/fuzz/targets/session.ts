/**
 * A client's whole conversation: bytes in, cut as they come, commands run on an engine, replies out. Every reply is whole
 * and of the protocol, no handler throws, and the data stays sound. Commands may ask for memory by right (SETRANGE), so
 * what values may grow to is bounded here by proto-max-bulk-len.
 */
import assert from 'node:assert/strict';
import { Configuration } from '../../../src/config/configuration.ts';
import { createEngine, type Engine } from '../../../src/core/index.ts';
import { decodeReply } from '../../../src/resp/decode.ts';
import { encodeRequest } from '../../../src/resp/local-client.ts';
import { RespServer } from '../../../src/resp/server.ts';
import type { Session } from '../../../src/resp/session.ts';
import { ScriptedMesh, ScriptedStore } from '../../commands/whole-node.ts';
import { commandRegistry, servicesOf } from '../../conformance/services.ts';
import { START_MS } from '../../core/cluster.ts';
import { assertSound } from '../engines.ts';
import type { MutationContext, Target } from '../target.ts';

const VALUE_BYTES_MAX = 1 << 20;
/** Looking at everything takes longer than the run. */
const RUNS_PER_CHECK = 16;

let engine: Engine = newEngine();
let session: Session | null = null;
let replies: Buffer[] = [];
let runs = 0;
let faults: unknown[] = [];

const COMMANDS = commandRegistry.all().map(({ name }) => name);

export const target: Target = {
  name: 'session',
  guidedBy: ['/src/resp/', '/src/commands/', '/src/core/'],
  bytesMax: 16 * 1024,
  works: true,
  // a few values and their copies in txn, arena and reply
  extraBytes: 48 * VALUE_BYTES_MAX,
  words: [
    ...COMMANDS,
    'k',
    'l',
    'EX',
    'NX',
    'XX',
    'GET',
    'KEEPTTL',
    'COUNT',
    'MATCH',
    '*',
    '-1',
    '0',
    'FIELDS',
    '9223372036854775807',
    'u8',
    'i64',
    '#1',
    'OVERFLOW',
    'SAT',
  ],
  seeds,
  mutate,
  prepare() {
    engine = newEngine();
    replies = [];
    faults = [];
    const config = new Configuration([
      { name: 'proto-max-bulk-len', value: String(VALUE_BYTES_MAX), from: 'the fuzzer' },
      { name: 'latency-monitor-threshold', value: '0', from: 'the fuzzer' },
    ]);
    config.set = () => 'nothing is set here';
    const around = { ...servicesOf(), config, mesh: new ScriptedMesh(), store: new ScriptedStore(), node: NODE };
    const services = around as typeof around & { clients: RespServer };
    const warn = (_message: string, error?: unknown) => {
      if (error !== undefined) faults.push(error);
    };
    const server = new RespServer({ engine, registry: commandRegistry, services, warn, defer: (work) => work() });
    services.clients = server;
    session = server.open({
      address: '127.0.0.1:1',
      localAddress: '127.0.0.1:2',
      pendingBytes: 0,
      write(bytes) {
        replies.push(Buffer.from(bytes));
        return true;
      },
      pauseReading() {},
      resumeReading() {},
      end() {},
      destroy() {},
    });
  },
  run(bytes) {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + (bytes[at] % 16 === 0 ? bytes[at] : 4096);
      session?.receive(bytes.subarray(at, end));
      at = end;
    }
  },
  check() {
    session?.kill();
    const [fault] = faults;
    if (fault !== undefined) throw fault;
    const all = Buffer.concat(replies);
    for (let at = 0; at < all.length; ) {
      const reply = decodeReply(all, at);
      assert.ok(reply !== null, `half a reply at ${at} of ${all.length} bytes`);
      at = reply.next;
    }
    if (++runs % RUNS_PER_CHECK === 0) assertSound(engine);
  },
};

const NODE = {
  version: '0',
  runId: '0'.repeat(40),
  configFile: '',
  port: 0,
  region: '',
  zone: '',
  shutdown() {},
  abortShutdown: () => false,
  log() {},
};

function newEngine(): Engine {
  const made = createEngine({ replica: '00000000000000a1', hashSeed: 1 });
  made.setNow(START_MS);
  made.setStability('alone', 0);
  return made;
}

/** The lines of the conformance cases' kind, and one call of every command there is. */
function seeds(): Buffer[] {
  const conversations = [
    'SET k 1 EX 100|INCRBY k 5|APPEND k x|GETRANGE k 0 -1|SETRANGE k 5 abc|STRLEN k|GETDEL k',
    'HSET h f 1 g 2|HINCRBY h f 3|HINCRBYFLOAT h g 1.5|HEXPIRE h 10 FIELDS 1 f|HGETALL h|HSCAN h 0 COUNT 5|HDEL h f',
    'SADD s a b c|SREM s a|SINTERSTORE t s s|SRANDMEMBER s -5|SSCAN s 0 MATCH *|SPOP s 2|SMISMEMBER s a b',
    'RPUSH l a b c|LPUSH l d|LINSERT l BEFORE b x|LSET l 0 y|LRANGE l 0 -1|LPOS l b RANK -1 COUNT 0|LREM l 0 c|LTRIM l 1 -2',
    'LMOVE l m LEFT RIGHT|RPOPLPUSH m l|LMPOP 2 m l LEFT COUNT 2|BLPOP l 0|BLMOVE l m RIGHT LEFT 0|LPOP l 2|LINDEX l -1|DUMP l',
    'ZADD z 1 a 2.5 b|ZADD z GT CH 3 a|ZINCRBY z -1 b|ZRANGE z 0 -1 WITHSCORES|ZRANGEBYSCORE z (1 inf LIMIT 0 2|ZRANK z a',
    'ZRANGE z [a + BYLEX REV|ZUNIONSTORE y 2 z s WEIGHTS 2 3 AGGREGATE MAX|ZMPOP 2 y z MIN COUNT 2|BZPOPMIN z 0|ZSCAN z 0',
    'GEOADD g 13.36 38.11 a 15.08 37.5 b|GEOSEARCH g FROMMEMBER a BYBOX 400 400 km WITHDIST|GEORADIUS g 15 37 9 mi STORE h',
    'MULTI|SET k v|INCR n|EXEC|WATCH k|MULTI|GET k|DISCARD|RESET',
    'HELLO 3|CLIENT SETNAME x|CLIENT LIST|CONFIG GET *|INFO|COMMAND COUNT|HELLO 2',
    'SETBIT b 100 1|BITCOUNT b|BITPOS b 1|BITOP NOT c b|BITFIELD b SET u8 0 255 INCRBY i5 100 1|LCS b c',
    'SCAN 0 MATCH [a-z]* COUNT 10|KEYS *|TTL k|EXPIRE k 10 NX|PERSIST k|RENAME k l|COPY l m|OBJECT ENCODING m|TYPE l',
    'SELECT 3|SWAPDB 0 3|MOVE k 1|FLUSHALL|DBSIZE|WAIT 0 0|CRDT DIGEST|CRDT INSPECT k|CRDT CONFLICTS|MESH INFO|DEBUG HELP',
  ].map((line) => Buffer.concat(line.split('|').map((command) => encodeRequest(command.split(' ')))));
  const all = Buffer.concat(COMMANDS.map((name) => encodeRequest([name, 'k', '1'])));
  return [...conversations, all.subarray(0, 4096), Buffer.from('SET k "a b"\r\nGET k\r\nPING\r\n')];
}

/** Whole requests: an argument changed, left out, doubled; or another command. */
function mutate(bytes: Buffer, { random, other, scramble }: MutationContext): Buffer {
  const requests = requestsIn(bytes);
  const foreign = requestsIn(other);
  if (requests.length === 0) return scramble(bytes);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const args = random.pick(requests);
    const at = random.below(args.length);
    switch (random.below(6)) {
      case 0:
        args[0] = Buffer.from(random.pick(COMMANDS));
        break;
      case 1:
        args.splice(at, random.below(2));
        break;
      case 2:
        args.splice(at, 0, random.pick(args));
        break;
      case 3:
        requests.splice(random.below(requests.length + 1), 0, [
          ...random.pick(foreign.length > 0 ? foreign : requests),
        ]);
        break;
      default:
        args[at] = scramble(args[at] ?? Buffer.alloc(0));
    }
    if (args.length === 0) args.push(Buffer.from('PING'));
  }
  return Buffer.concat(requests.map((args) => encodeRequest(args)));
}

function requestsIn(bytes: Buffer): Buffer[][] {
  const requests: Buffer[][] = [];
  for (let at = 0; at < bytes.length; ) {
    let args: Buffer[] | null = null;
    try {
      const reply = decodeReply(bytes, at);
      if (reply === null) break;
      at = reply.next;
      if (Array.isArray(reply.value)) args = reply.value.map((value) => Buffer.from(String(value), 'latin1'));
    } catch {
      // inline, or no request at all: changed as bytes
      break;
    }
    if (args !== null && args.length > 0) requests.push(args);
  }
  return requests;
}
