/**
 * I2 and I13 apart from the simulator, so that a difference shrinks to a few commands: random small histories over three
 * engines, with envelopes delivered in random order and a clock that ticks, and after each step every engine must show
 * what the oracle says. Nothing is collected here: what has ended is hidden, and not yet removed.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import { RespServer } from '../../src/resp/server.ts';
import { commandRegistry, servicesOf } from '../conformance/services.ts';
import { makeReplica, type Replica, START_MS } from '../core/cluster.ts';
import { specifiedContents } from './checkers.ts';
import { SimulatedClient } from './client.ts';
import { Oracle } from './oracle.ts';

const REPLICAS = 3;

type Step =
  | { step: 'run'; at: number; commands: string[][] }
  /** Null: everything. */
  | { step: 'deliver'; from: number; to: number; which: number | null }
  /** Everybody gets everything. */
  | { step: 'meet' }
  | { step: 'tick'; ms: number };

const key = fc.constantFrom('k', 'l');
/** The oracle does not know the bytes of a sketch, so nothing may change them. */
const sketch = fc.constantFrom('v', 'w');
const element = fc.constantFrom('f', 'g');
const value = fc.constantFrom('x', '7');
const score = fc.constantFrom('0', '1', '-2.5', '1e3');
const ms = fc.constantFrom('0', '5', '50', '500');
const moment = ms.map((each) => String(START_MS + Number(each)));
const condition = fc.constantFrom('NX', 'XX', 'GT', 'LT');

const command: fc.Arbitrary<string[]> = fc.oneof(
  words(4, 'PFADD', sketch, element, fc.constantFrom('f', 'h')),
  words(1, 'PFADD', sketch),
  words(2, 'PFMERGE', sketch, sketch),
  words(1, 'COPY', sketch, sketch, 'REPLACE'),
  words(1, 'RENAME', sketch, sketch),
  words(1, 'SET', sketch, value),
  words(1, 'DEL', sketch),
  words(1, 'PEXPIRE', sketch, positive(ms)),
  words(3, 'SET', key, value),
  words(3, 'SET', key, value, 'PX', positive(ms)),
  words(1, 'SET', key, value, 'PXAT', moment),
  words(2, 'SET', key, value, 'KEEPTTL'),
  words(1, 'SET', key, value, 'NX', 'PX', positive(ms)),
  words(1, 'SET', key, value, 'XX', 'GET'),
  words(1, 'PSETEX', key, positive(ms), value),
  words(1, 'SETEX', key, '1', value),
  words(6, 'PEXPIRE', key, positive(ms)),
  words(1, 'PEXPIRE', key, '0'),
  words(3, 'PEXPIRE', key, ms, condition),
  words(2, 'PEXPIREAT', key, moment),
  words(3, 'PERSIST', key),
  words(1, 'GETEX', key, 'PERSIST'),
  words(1, 'GETEX', key, 'PX', positive(ms)),
  words(1, 'GETEX', key),
  words(1, 'GETSET', key, value),
  words(1, 'APPEND', key, value),
  words(1, 'SETRANGE', key, '1', value),
  words(4, 'INCRBY', key, '3'),
  words(1, 'MSET', key, value, key, value),
  words(2, 'DEL', key),
  words(1, 'GETDEL', key),
  words(4, 'HSET', key, element, value),
  words(2, 'HINCRBY', key, element, '2'),
  words(2, 'HDEL', key, element),
  words(1, 'HSETNX', key, element, value),
  words(4, 'HPEXPIRE', key, ms, 'FIELDS', '1', element),
  words(2, 'HPEXPIRE', key, ms, condition, 'FIELDS', '2', 'f', 'g'),
  words(1, 'HPEXPIREAT', key, moment, 'FIELDS', '2', 'g', 'f'),
  words(2, 'HPERSIST', key, 'FIELDS', '1', element),
  words(4, 'SADD', key, element),
  words(2, 'SREM', key, element),
  words(1, 'SREM', key, 'f', 'g'),
  words(1, 'SMOVE', key, key, element),
  words(1, 'SUNIONSTORE', key, key, key),
  words(4, 'ZADD', key, score, element),
  words(1, 'ZADD', key, score, 'f', score, 'g'),
  words(4, 'ZINCRBY', key, score, element),
  words(2, 'ZREM', key, element),
  words(1, 'ZREM', key, 'f', 'g'),
  words(2, 'ZPOPMIN', key),
  words(1, 'ZRANGE', key, '0', '-1'),
  words(3, 'RPUSH', key, value, value),
  words(3, 'LPUSH', key, element),
  words(3, 'LINSERT', key, fc.constantFrom('BEFORE', 'AFTER'), value, element),
  words(2, 'LSET', key, fc.constantFrom('0', '1'), value),
  words(1, 'LREM', key, fc.constantFrom('0', '1', '-1'), value),
  words(1, 'LTRIM', key, '0', fc.constantFrom('-1', '1', '2')),
  words(1, 'LTRIM', key, '1', '-1'),
  words(2, 'LPOP', key),
  words(1, 'RPOP', key),
  words(1, 'LMOVE', key, key, fc.constantFrom('LEFT', 'RIGHT'), fc.constantFrom('LEFT', 'RIGHT')),
  words(1, 'RPOPLPUSH', key, key),
  words(1, 'LRANGE', key, '0', '-1'),
  words(2, 'RENAME', key, key),
  words(2, 'COPY', key, key, 'REPLACE'),
  words(0.3, 'FLUSHDB'),
);

/** Longer lists than the mixture makes, and inserts at one place. */
const listCommand: fc.Arbitrary<string[]> = fc.oneof(
  words(4, 'RPUSH', key, value, element, value),
  words(3, 'LPUSH', key, value, element),
  words(5, 'LINSERT', key, fc.constantFrom('BEFORE', 'AFTER'), value, fc.oneof(value, element)),
  words(2, 'LSET', key, fc.constantFrom('0', '1', '3'), value),
  words(1, 'LREM', key, fc.constantFrom('1', '-1'), element),
  words(1, 'LTRIM', key, '0', fc.constantFrom('3', '5')),
  words(2, 'LPOP', key),
  words(1, 'RPOP', key),
  words(2, 'LMOVE', key, key, fc.constantFrom('LEFT', 'RIGHT'), fc.constantFrom('LEFT', 'RIGHT')),
  words(0.5, 'RENAME', key, key),
  words(0.5, 'COPY', key, key, 'REPLACE'),
  words(0.3, 'DEL', key),
);

const id = fc.constantFrom('1-0', '1-1', '2-0', '2-1', '3-0');
const group = fc.constantFrom('g', 'h');
const consumer = fc.constantFrom('ann', 'bob');

const streamCommand: fc.Arbitrary<string[]> = fc.oneof(
  words(4, 'XADD', key, fc.constantFrom('1-*', '2-*', '3-*'), 'f', value),
  words(3, 'XADD', key, id, 'f', value, 'g', value),
  words(1, 'XADD', key, 'MAXLEN', '2', '3-*', 'f', value),
  words(2, 'XDEL', key, id),
  words(1, 'XTRIM', key, 'MAXLEN', fc.constantFrom('0', '2')),
  words(1, 'XTRIM', key, 'MINID', id),
  words(0.5, 'XSETID', key, fc.constantFrom('3-0', '4-0')),
  words(0.5, 'XSETID', key, '4-1', 'ENTRIESADDED', '9'),
  words(3, 'XGROUP', 'CREATE', key, group, fc.oneof(id, fc.constantFrom('0', '$')), 'MKSTREAM'),
  words(1, 'XGROUP', 'SETID', key, group, id),
  words(1, 'XGROUP', 'DESTROY', key, group),
  words(1, 'XGROUP', 'CREATECONSUMER', key, group, consumer),
  words(1, 'XGROUP', 'DELCONSUMER', key, group, consumer),
  words(6, 'XREADGROUP', 'GROUP', group, consumer, 'COUNT', fc.constantFrom('1', '2'), 'STREAMS', key, '>'),
  words(1, 'XREADGROUP', 'GROUP', group, consumer, 'COUNT', '1', 'NOACK', 'STREAMS', key, '>'),
  words(2, 'XACK', key, group, id),
  words(2, 'XCLAIM', key, group, consumer, '0', id),
  words(1, 'XCLAIM', key, group, consumer, '0', id, id, 'FORCE'),
  words(0.5, 'RENAME', key, key),
  words(0.5, 'COPY', key, key, 'REPLACE'),
  words(1, 'DEL', key),
);

/** A command whose words are drawn, or stand as they are. */
function words(weight: number, ...parts: (string | fc.Arbitrary<string>)[]) {
  const drawn = parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part));
  return { weight: Math.ceil(weight * 3), arbitrary: fc.tuple(...drawn) };
}

/** These commands refuse a time to live of nothing. */
function positive(times: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return times.filter((each) => each !== '0');
}

const replica = fc.nat(REPLICAS - 1);

function stepsOf(one: fc.Arbitrary<string[]>): fc.Arbitrary<Step[]> {
  const commands = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(one) },
    {
      weight: 1,
      arbitrary: fc
        .array(one, { minLength: 2, maxLength: 3 })
        .map((inner): string[][] => [['MULTI'], ...inner, ['EXEC']]),
    },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ step: fc.constant('run' as const), at: replica, commands }) },
    {
      weight: 5,
      arbitrary: fc.record({
        step: fc.constant('deliver' as const),
        from: replica,
        to: replica,
        which: fc.option(fc.nat(30), { freq: 1 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ step: fc.constant('meet' as const) }) },
    { weight: 1, arbitrary: fc.record({ step: fc.constant('tick' as const), ms: fc.constantFrom(1, 4, 40, 400) }) },
  );
  return fc.array(step, { maxLength: 40, size: 'max' });
}

type Excepted = Parameters<typeof specifiedContents>[3];

class Trio {
  readonly oracle = new Oracle();
  readonly replicas: Replica[] = [];
  private readonly servers: RespServer[] = [];
  private running: readonly string[][] = [];
  private nowMs = START_MS;

  constructor() {
    for (let i = 0; i < REPLICAS; i++) {
      const each = makeReplica(i);
      const { engine } = each;
      const commit = engine.commit.bind(engine);
      engine.commit = () => {
        const changed = commit();
        if (changed) this.specify(each);
        return changed;
      };
      const warn = (message: string, error?: unknown) => {
        throw new Error(message, { cause: error });
      };
      this.replicas.push(each);
      this.servers.push(new RespServer({ engine, registry: commandRegistry, services: servicesOf(), warn }));
    }
  }

  perform(each: Step): void {
    if (each.step === 'tick') {
      this.nowMs += each.ms;
      for (const { engine } of this.replicas) engine.setNow(this.nowMs);
    } else if (each.step === 'meet') this.deliverAll();
    else if (each.step === 'deliver') this.deliver(this.replicas[each.from], this.replicas[each.to], each.which);
    else {
      this.running = each.commands.filter(([word]) => word !== 'MULTI' && word !== 'EXEC');
      const realNow = Date.now;
      Date.now = () => this.nowMs;
      try {
        // the answer comes with the next turn, and nobody waits for it
        new SimulatedClient(this.servers[each.at]).ask(each.commands, () => {});
      } finally {
        Date.now = realNow;
      }
    }
  }

  private deliver({ engine, sealed }: Replica, to: Replica, which: number | null): void {
    engine.seal();
    if (engine === to.engine) return;
    sealed.forEach(({ bytes }, index) => {
      if (which === null || index === which % sealed.length) to.engine.receive(bytes);
    });
  }

  private specify({ engine }: Replica): void {
    const context = new Map(engine.vector().map(({ replica, number }) => [replica, number]));
    const own = engine.vector().find(({ replica }) => replica === engine.replica);
    if (own === undefined) throw new Error('a txn that its own vector does not know');
    context.set(own.replica, own.number - 1);
    this.oracle.add({ ...own, nowMs: engine.now, context, commands: this.running });
  }

  /** Also of a state that is on its way: each engine for what it has applied. */
  check(after: string, excepted: Excepted = () => false): void {
    this.replicas.forEach(({ engine }, index) => {
      const { wanted, found } = specifiedContents(engine, engine.databases[0], this.oracle, excepted);
      if (found !== wanted) throw new Error(`replica ${index} after ${after} shows\n${found}\nand not\n${wanted}`);
    });
  }

  deliverAll(): void {
    for (const from of this.replicas) {
      from.engine.seal();
      for (const to of this.replicas) {
        if (from === to) continue;
        for (const { bytes } of from.sealed) to.engine.receive(bytes);
      }
    }
  }
}

test('what engines show, and until when, is what the oracle says, whatever comes in whatever order', () => {
  fc.assert(
    fc.property(stepsOf(command), (steps) => {
      const trio = new Trio();
      for (const each of steps) {
        trio.perform(each);
        trio.check(JSON.stringify(each));
      }
      trio.deliverAll();
      trio.check('all was delivered');
      trio.perform({ step: 'tick', ms: 60 });
      trio.check('60 ms');
    }),
    { numRuns: 300 },
  );
});

test('lists are in the order that the oracle says, wherever it says one', () => {
  fc.assert(
    fc.property(stepsOf(listCommand), (steps) => {
      const trio = new Trio();
      const isOpen: Excepted = (key, shown, vector) => shown?.doubtful === true || trio.oracle.isDoubted(key, vector);
      for (const each of steps) {
        trio.perform(each);
        trio.check(JSON.stringify(each), isOpen);
      }
      trio.deliverAll();
      trio.check('all was delivered', isOpen);
    }),
    { numRuns: 200 },
  );
});

test('streams and their groups are what the oracle says', () => {
  fc.assert(
    fc.property(stepsOf(streamCommand), (steps) => {
      const trio = new Trio();
      for (const each of steps) {
        trio.perform(each);
        trio.check(JSON.stringify(each));
      }
      trio.deliverAll();
      trio.check('all was delivered');
    }),
    { numRuns: 300 },
  );
});

test('streams beside other types, with times to live', () => {
  fc.assert(
    fc.property(stepsOf(fc.oneof(streamCommand, command)), (steps) => {
      const trio = new Trio();
      const isOpen: Excepted = (key, shown, vector) => shown?.doubtful === true || trio.oracle.isDoubted(key, vector);
      for (const each of steps) {
        trio.perform(each);
        trio.check(JSON.stringify(each), isOpen);
      }
      trio.deliverAll();
      trio.check('all was delivered', isOpen);
    }),
    { numRuns: 200 },
  );
});

test.run();
