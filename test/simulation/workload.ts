/**
 * What clients do. A family is a kind of work with a promise of its own that can be checked on every reply: counters,
 * sets of unique members, pairs that change together, sequences, keys that are deleted, times to live; and the free
 * family, which does everything to a few keys and is judged by convergence and the oracle.
 */
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import { violated } from './history.ts';
import { SPECIFIED_DATABASE } from './oracle.ts';
import { Random } from './random.ts';

/** What a family knows while it draws and checks. */
export interface Circumstances {
  /** A client's name, unique in the run, and the number of the machine it talks to. */
  readonly client: string;
  readonly machine: number;
  /** The process of the machine; a new one each start. */
  readonly incarnation: string;
  readonly nowMs: number;
  /** All clocks show the same. */
  readonly clocksAgree: boolean;
  /** What is acknowledged is on disk. */
  readonly always: boolean;
  /** No directory is put back to what it was: nodes forget nothing that they have on disk. */
  readonly disksKeep: boolean;
  readonly clients: readonly string[];
  /** Nobody is forgotten: for whoever is, nobody waits before what has ended is removed. */
  readonly membersStay: boolean;
}

export interface Work {
  readonly commands: string[][];
  /** Looks at the replies; throws a Violation. */
  readonly check: (replies: ReplyValue[], at: Circumstances) => void;
}

export interface Family {
  readonly name: string;
  readonly database: number;
  draw(random: Random, at: Circumstances): Work;
}

const nothingToCheck = () => {};

function work(...commands: string[][]): Work {
  return { commands, check: nothingToCheck };
}

function text(value: ReplyValue): string | null {
  return typeof value === 'string' ? value : null;
}

function number(value: ReplyValue): number {
  return value === null ? 0 : Number(value);
}

/** I9: only increments, so the sum is known. */
export class Counters implements Family {
  readonly name = 'counters';
  readonly database = 0;

  draw(random: Random): Work {
    const delta = String(1 + random.below(9));
    return random.weighted([
      [work(['INCRBY', `n:${random.below(3)}`, delta]), 4],
      [work(['DECRBY', `n:${random.below(3)}`, delta]), 1],
      [work(['HINCRBY', 'nh', `f${random.below(3)}`, delta]), 3],
      [work(['MULTI'], ['INCRBY', 'n:0', delta], ['INCRBY', 'n:1', delta], ['EXEC']), 1],
    ]);
  }

  /** What a call adds to which counter. */
  static sums(commands: readonly (readonly string[])[]): [key: string, delta: number][] {
    return commands.flatMap(([command, ...words]): [string, number][] => {
      if (command === 'INCRBY') return [[words[0], Number(words[1])]];
      if (command === 'DECRBY') return [[words[0], -Number(words[1])]];
      if (command === 'HINCRBY') return [[`${words[0]} ${words[1]}`, Number(words[2])]];
      return [];
    });
  }
}

/** I4: members that are added once and never removed. */
export class Uniques implements Family {
  readonly name = 'uniques';
  readonly database = 0;
  private next = 0;

  draw(random: Random, { client }: Circumstances): Work {
    return work(['SADD', `u:${random.below(2)}`, `${client}.${this.next++}`]);
  }
}

/** I15: two keys, or fields, that always change together. */
export class Pairs implements Family {
  readonly name = 'pairs';
  readonly database = 0;
  private next = 0;

  draw(random: Random, { client }: Circumstances): Work {
    const pair = random.below(2);
    const [a, b] = [`p:${pair}:a`, `p:${pair}:b`];
    const value = `${client}.${this.next++}`;
    return random.weighted<Work>([
      [work(['MULTI'], ['SET', a, value], ['SET', b, value], ['EXEC']), 3],
      [work(['MSET', a, value, b, value]), 1],
      [work(['HSET', 'ph', 'a', value, 'b', value]), 2],
      [work(['DEL', a, b]), 1],
      [work(['HDEL', 'ph', 'a', 'b']), 1],
      [{ commands: [['MGET', a, b]], check: ([reply]) => equalParts(reply, a) }, 4],
      [{ commands: [['HMGET', 'ph', 'a', 'b']], check: ([reply]) => equalParts(reply, 'ph') }, 4],
    ]);
  }
}

function equalParts(reply: ReplyValue, name: string): void {
  if (!Array.isArray(reply)) return;
  if (reply[0] !== reply[1]) violated('I15', `${name}: one part is ${text(reply[0])}, the other ${text(reply[1])}`);
}

/** I6: each client counts in a first key, then in a second one. Nobody may see the second ahead of the first. */
export class Sequences implements Family {
  readonly name = 'sequences';
  readonly database = 0;
  /** How far each client has counted in its first key, and had it acknowledged. */
  private readonly causes = new Map<string, { count: number; acknowledgedBy: string | null }>();

  draw(random: Random, at: Circumstances): Work {
    const { client } = at;
    if (random.chance(0.5)) {
      const other = random.pick(at.clients);
      return {
        commands: [['MGET', `w:${other}:b`, `w:${other}:a`]],
        check: ([reply], { clocksAgree }) => {
          if (!clocksAgree || !Array.isArray(reply)) return;
          const [second, first] = reply.map(number);
          if (second > first) violated('I6', `w:${other}: the effect ${second} is there, its cause is at ${first}`);
        },
      };
    }
    const last = this.causes.get(client);
    // a crash in between may have lost the cause
    if (last !== undefined && last.acknowledgedBy === at.incarnation) {
      last.acknowledgedBy = null;
      return work(['SET', `w:${client}:b`, String(last.count)]);
    }
    const next = { count: (last?.count ?? 0) + 1, acknowledgedBy: null as string | null };
    this.causes.set(client, next);
    return {
      commands: [['SET', `w:${client}:a`, String(next.count)]],
      check: ([reply], { incarnation }) => {
        next.acknowledgedBy = reply === 'OK' ? incarnation : null;
      },
    };
  }
}

/** I5: a client reads what it wrote, for as long as its node lives. */
export class Sessions implements Family {
  readonly name = 'sessions';
  readonly database = 0;
  private readonly counts = new Map<string, number>();
  private readonly acknowledged = new Map<string, { incarnation: string; count: number }>();

  draw(random: Random, at: Circumstances): Work {
    const { client } = at;
    const key = `s:${client}`;
    if (random.chance(0.5)) {
      return {
        commands: [['GET', key]],
        check: ([reply], { incarnation, clocksAgree }) => {
          const last = this.acknowledged.get(client);
          if (!clocksAgree || last?.incarnation !== incarnation || reply instanceof ReplyError) return;
          if (number(reply) < last.count) violated('I5', `${client} wrote ${last.count} and reads ${text(reply)}`);
        },
      };
    }
    const count = (this.counts.get(client) ?? 0) + 1;
    this.counts.set(client, count);
    return {
      commands: [['SET', key, String(count)]],
      check: ([reply], { incarnation }) => {
        if (reply === 'OK') this.acknowledged.set(client, { incarnation, count });
      },
    };
  }
}

/** I7: each client writes and deletes a key of its own. What a node once saw gone or replaced never comes back there. */
export class Deletions implements Family {
  readonly name = 'deletions';
  readonly database = 0;
  private readonly counts = new Map<string, number>();
  private readonly acknowledged = new Set<string>();
  private readonly seen = new Map<string, { count: number; gone: boolean }>();

  draw(random: Random, at: Circumstances): Work {
    const { client } = at;
    if (random.chance(0.6)) {
      const other = random.pick(at.clients);
      return {
        commands: [['GET', `d:${other}`]],
        check: ([reply], where) => {
          const promised = where.clocksAgree && where.always && where.disksKeep;
          if (promised && !(reply instanceof ReplyError)) this.see(other, text(reply), where);
        },
      };
    }
    if (random.chance(0.4)) return work(['DEL', `d:${client}`]);
    const count = (this.counts.get(client) ?? 0) + 1;
    this.counts.set(client, count);
    return {
      commands: [['SET', `d:${client}`, String(count)]],
      check: ([reply]) => {
        if (reply === 'OK') this.acknowledged.add(`${client} ${count}`);
      },
    };
  }

  private see(client: string, value: string | null, { incarnation }: Circumstances): void {
    const name = `${incarnation} ${client}`;
    const last = this.seen.get(name) ?? { count: 0, gone: false };
    if (value === null) {
      this.seen.set(name, { count: last.count, gone: true });
      return;
    }
    const count = Number(value);
    // its author may have lost what nobody was promised, and not know that others have it
    if (!this.acknowledged.has(`${client} ${count}`)) return;
    if (count < last.count || (count === last.count && last.gone))
      violated('I7', `d:${client} was ${last.gone ? 'gone after ' : ''}${last.count} here, and is ${count} again`);
    this.seen.set(name, { count, gone: false });
  }
}

/** I13: values with an end, which is in the value: nobody reads one after it. */
export class Leases implements Family {
  readonly name = 'leases';
  readonly database = 0;
  /** The latest end that a key was ever given: a write that its author lost in a crash may still be somewhere. */
  private readonly latest = new Map<string, number>();

  draw(random: Random, at: Circumstances): Work {
    const key = `e:${random.pick(at.clients)}`;
    if (random.chance(0.6)) {
      return {
        commands: [['GET', key]],
        check: ([reply], { nowMs, clocksAgree, always }) => {
          const end = Number(text(reply)?.split('.')[0]);
          const latest = this.latest.get(key) ?? 0;
          if (clocksAgree && always && nowMs > end && nowMs > latest)
            violated('I13', `${key} is read ${nowMs - end} ms after its end`);
        },
      };
    }
    const end = Math.floor(at.nowMs) + 5 + random.below(3000);
    // nobody else writes it: of concurrent ends the longest would count
    this.latest.set(`e:${at.client}`, Math.max(end, this.latest.get(`e:${at.client}`) ?? 0));
    return work(['SET', `e:${at.client}`, `${end}.${at.client}`, 'PXAT', String(end)]);
  }
}

/** Counters that are also written and deleted, which cancels what was observed of them. */
export class Bases implements Family {
  readonly name = 'bases';
  readonly database = 2;

  draw(random: Random): Work {
    const key = `c:${random.below(2)}`;
    const field = `f:${random.below(2)}`;
    const value = String(random.below(100));
    return random.weighted([
      [work(['INCRBY', key, value]), 6],
      [work(['INCRBYFLOAT', key, '0.5']), 1],
      [work(['SET', key, value]), 2],
      [work(['DEL', key]), 1],
      [work(['RENAME', key, 'c:1']), 0.5],
      [work(['HINCRBY', 'h', field, value]), 5],
      [work(['HSET', 'h', field, value]), 1],
      [work(['HDEL', 'h', field]), 1],
      [work(['DEL', 'h']), 0.5],
      [work(['FLUSHDB']), 0.1],
    ]);
  }
}

/**
 * Commands on a type, in place of some that were drawn. They have a randomness of their own: what else a seed draws is
 * what it drew before there was that type.
 */
class Sprinkled {
  private readonly share: number;
  private readonly salt: number;
  private readonly draw: (random: Random, timed: boolean) => string[];
  private random: Random | null = null;

  constructor(share: number, salt: number, draw: (random: Random, timed: boolean) => string[]) {
    this.share = share;
    this.salt = salt;
    this.draw = draw;
  }

  among(commands: string[][], nowMs: number, timed: boolean): string[][] {
    this.random ??= new Random(Math.floor(nowMs * 1000) + this.salt);
    const { random, share } = this;
    return commands.map((words) => {
      const stays = words[0] === 'MULTI' || words[0] === 'EXEC' || !random.chance(share);
      return stays ? words : this.draw(random, timed);
    });
  }
}

function scoring(random: Random, timed: boolean): string[] {
  const key = random.pick(['z', 'z', 'z', 's', 'k']);
  const member = random.pick(['a', 'b', 'c']);
  const score = random.pick(['0', '1', '-2', '0.5', '7.25', '1000', '-1e5']);
  return random.weighted<string[]>([
    [['ZADD', key, score, member], 6],
    [['ZADD', key, score, member, '1', random.pick(['d', 'e'])], 2],
    [['ZINCRBY', key, score, member], 6],
    [['ZREM', key, member, 'd'], 3],
    [['ZPOPMIN', key], 2],
    [['ZRANGE', key, '0', '-1'], 1],
    [['RENAME', key, 'z'], 0.5],
    [['COPY', 'z', key, 'REPLACE'], 0.5],
    [['DEL', key], 1],
    ...ending(random, key, timed),
  ]);
}

/** Pushes, pops, and edits within. */
function queueing(random: Random, timed: boolean): string[] {
  const key = random.pick(['q', 'q', 'q', 'r', 's', 'k']);
  const other = random.pick(['q', 'r']);
  const value = random.pick(['a', 'b', 'c', 'd']);
  const end = random.pick(['LEFT', 'RIGHT']);
  return random.weighted<string[]>([
    [['RPUSH', key, value, random.pick(['e', 'f'])], 5],
    [['LPUSH', key, value, random.pick(['e', 'f']), 'g'], 5],
    [['LPOP', key], 3],
    [['RPOP', key], 2],
    [['LSET', key, String(random.below(4)), value], 3],
    [['LINSERT', key, random.pick(['BEFORE', 'AFTER']), value, random.pick(['a', 'h'])], 3],
    [['LREM', key, random.pick(['0', '1', '-1']), value], 2],
    [['LTRIM', key, random.pick(['0', '1']), random.pick(['-1', '2', '3'])], 1],
    [['LMOVE', key, other, end, random.pick(['LEFT', 'RIGHT'])], 2],
    [['RPOPLPUSH', key, other], 1],
    [['LRANGE', key, '0', '-1'], 1],
    [['RENAME', key, 'q'], 0.5],
    [['COPY', 'q', key, 'REPLACE'], 0.5],
    [['DEL', key], 1],
    ...ending(random, key, timed),
  ]);
}

/** What was seen, on keys of their own: the oracle does not know the bytes of a sketch, which others would change. */
function sketching(random: Random, timed: boolean): string[] {
  const key = random.pick(['v', 'v', 'w']);
  const elements = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  return random.weighted<string[]>([
    [['PFADD', key, random.pick(elements), random.pick(elements)], 8],
    [['PFADD', key], 1],
    [['PFMERGE', key, random.pick(['v', 'w'])], 2],
    [['PFCOUNT', 'v', 'w'], 0.5],
    [['SET', key, 'x'], 0.5],
    [['SADD', key, 'a'], 0.3],
    [['RENAME', key, 'v'], 0.5],
    [['COPY', 'v', key, 'REPLACE'], 0.5],
    [['DEL', key], 2],
    ...ending(random, key, timed),
  ]);
}

/** Entries, and groups that many read for. Ids go on, and concurrent ones are often equal. */
class Streaming {
  private readonly isFree: boolean;
  private added = 0;

  /** `isFree`: also what the oracle does not know. */
  constructor(isFree: boolean) {
    this.isFree = isFree;
  }

  readonly draw = (random: Random, timed: boolean): string[] => {
    const key = random.pick(['x', 'x', 'x', 'y', 's', 'k']);
    const group = random.pick(['g', 'g', 'h']);
    const consumer = random.pick(['ann', 'bob']);
    const ms = Math.floor(this.added / 8);
    // of what was added lately
    const id = `${Math.max(0, ms - random.below(3))}-${random.below(3)}`;
    const force = random.pick([[], ['FORCE']]);
    const noAck = random.pick([[], [], ['NOACK']]);
    const work: [string[], number][] = [
      [['XADD', key, `${ms}-*`, 'f', random.pick(['a', 'b'])], 6],
      [['XADD', key, 'MAXLEN', random.pick(['2', '5']), `${ms}-${random.below(4)}`, 'f', 'c', 'g', 'd'], 2],
      [['XGROUP', 'CREATE', key, group, random.pick(['0', '$', id]), 'MKSTREAM'], 3],
      [['XREADGROUP', 'GROUP', group, consumer, 'COUNT', random.pick(['1', '3']), ...noAck, 'STREAMS', key, '>'], 8],
      [['XACK', key, group, id], 3],
      [['XCLAIM', key, group, consumer, '0', id, ...force], 3],
      [['XDEL', key, id], 2],
      [
        [
          'XTRIM',
          key,
          ...random.pick([
            ['MAXLEN', '3'],
            ['MINID', id],
          ]),
        ],
        1,
      ],
      [['XSETID', key, `${ms + random.below(2)}-9`, ...random.pick([[], ['ENTRIESADDED', '40']])], 0.3],
      [['XGROUP', 'SETID', key, group, id], 0.7],
      [['XGROUP', 'DESTROY', key, group], 0.7],
      [['XGROUP', 'CREATECONSUMER', key, group, consumer], 0.5],
      [['XGROUP', 'DELCONSUMER', key, group, consumer], 0.5],
      [['XRANGE', key, '-', '+'], 0.5],
      [['RENAME', key, 'x'], 0.4],
      [['COPY', 'x', key, 'REPLACE'], 0.4],
      [['DEL', key], 0.7],
      ...ending(random, key, timed),
    ];
    if (this.isFree) work.push(...this.others(key, group, consumer));
    const words = random.weighted(work);
    if (words[0] === 'XADD') this.added++;
    return words;
  };

  private others(key: string, group: string, consumer: string): [string[], number][] {
    return [
      [['XADD', key, '*', 'f', 'v'], 3],
      [['XREADGROUP', 'GROUP', group, consumer, 'STREAMS', key, '0'], 2],
      [['XAUTOCLAIM', key, group, consumer, '0', '0', 'COUNT', '2'], 1],
      [['XREAD', 'STREAMS', key, '0'], 0.5],
      [['XPENDING', key, group], 0.5],
      [['XINFO', 'STREAM', key, 'FULL'], 0.5],
    ];
  }
}

function ending(random: Random, key: string, timed: boolean): [string[], number][] {
  if (!timed) return [];
  return [
    [['PEXPIRE', key, String(1 + random.below(4000))], 1],
    [['PERSIST', key], 0.5],
  ];
}

/** The oracle compares everything with everything. */
const SPECIFIED_MAX = 150;

/** Everything that the oracle specifies, on few keys, types mixed. */
export class Specified implements Family {
  readonly name = 'specified';
  readonly database = SPECIFIED_DATABASE;
  private drawn = 0;

  /** Whether this run has times to live: what shows follows from the txns alone only where clocks agree and members stay. */
  private timed: boolean | null = null;

  private readonly scoring = new Sprinkled(0.25, 0, scoring);
  private readonly queueing = new Sprinkled(0.25, 1, queueing);
  private readonly streaming = new Sprinkled(0.15, 2, new Streaming(false).draw);
  private readonly sketching = new Sprinkled(0.1, 3, sketching);

  draw(random: Random, at: Circumstances): Work {
    const { commands, check } = this.drawOthers(random, at);
    const timed = this.timed === true;
    const scored = this.scoring.among(commands, at.nowMs, timed);
    const queued = this.queueing.among(scored, at.nowMs, timed);
    const streamed = this.streaming.among(queued, at.nowMs, timed);
    return { commands: this.sketching.among(streamed, at.nowMs, timed), check };
  }

  private drawOthers(random: Random, { clocksAgree, membersStay, nowMs }: Circumstances): Work {
    this.timed ??= clocksAgree && membersStay && random.chance(0.6);
    if (++this.drawn > SPECIFIED_MAX) return work(['GET', 'k']);
    if (random.chance(0.15)) {
      const inner = Array.from({ length: 2 + random.below(3) }, () => this.counting(random));
      if (this.timed && random.chance(0.5)) inner.push(this.timing(random, nowMs));
      return work(['MULTI'], ...inner, ['EXEC']);
    }
    if (this.timed && random.chance(0.35)) return work(this.timing(random, nowMs));
    return work(random.chance(0.5) ? this.counting(random) : this.command(random));
  }

  /** Times to live, of any key and of hash fields. */
  private timing(random: Random, nowMs: number): string[] {
    const key = random.pick(['k', 'l', 'h', 's', 't']);
    const field = random.pick(['f', 'g']);
    // the longest are there still at the end of the run
    const ms = String(1 + random.below(random.pick([60, 4000, 1e6])));
    const moment = String(Math.floor(nowMs) + random.below(random.pick([4000, 1e6])) - 20);
    return random.weighted<string[]>([
      [['SET', key, '5', 'PX', ms], 3],
      [['SET', key, 'x', 'PXAT', moment], 1],
      [['SET', key, '6', 'KEEPTTL'], 1],
      [['SET', key, '6', 'NX', 'EX', '1'], 0.5],
      [['PSETEX', key, ms, '8'], 0.5],
      [['SETEX', key, '2', '8'], 0.5],
      [['PEXPIRE', key, ms], 6],
      [['PEXPIRE', key, ms, random.pick(['NX', 'XX', 'GT', 'LT'])], 2],
      [['PEXPIREAT', key, moment], 2],
      [['PERSIST', key], 3],
      [['GETEX', key, 'PX', ms], 1],
      [['GETEX', key, 'PERSIST'], 0.5],
      [['PTTL', key], 0.5],
      [['HPEXPIRE', 'h', ms, 'FIELDS', '1', field], 4],
      [['HPEXPIRE', 'h', ms, random.pick(['NX', 'XX', 'GT', 'LT']), 'FIELDS', '2', 'f', 'g'], 1],
      [['HPEXPIREAT', 'h', moment, 'FIELDS', '1', field], 1],
      [['HPERSIST', 'h', 'FIELDS', '1', field], 1],
      [['HPTTL', 'h', 'FIELDS', '1', field], 0.5],
    ]);
  }

  /** Registers and counters, also several times within one txn. */
  private counting(random: Random): string[] {
    const key = random.pick(['k', 'l']);
    const field = random.pick(['f', 'g']);
    const value = String(random.below(50));
    return random.weighted<string[]>([
      [['INCRBY', key, value], 6],
      [['DECRBY', key, value], 1],
      [['INCRBYFLOAT', key, '0.5'], 1],
      [['SET', key, value], 3],
      [['SET', key, random.pick(['x', '', '2.5']), ...random.pick([[], ['NX'], ['XX', 'GET']])], 1],
      [['DEL', key], 2],
      [['HINCRBY', 'h', field, value], 5],
      [['HINCRBYFLOAT', 'h', field, '0.25'], 1],
      [['HSET', 'h', field, value], 2],
      [['HDEL', 'h', field], 1],
      [['DEL', 'h'], 1],
    ]);
  }

  private command(random: Random): string[] {
    const keys = ['k', 'l', 'h', 's', 't'];
    const key = random.pick(keys);
    const set = random.pick(['s', 't']);
    const member = random.pick(['a', 'b', 'c']);
    const value = random.pick(['x', '7', '2.5', 'a longer value, for another size of its entry']);
    return random.weighted<string[]>([
      [['SADD', set, member, random.pick(['a', 'b'])], 6],
      [['SADD', key, member], 1],
      [['SREM', set, member], 4],
      [['SMOVE', set, set === 's' ? 't' : 's', member], 1],
      [[random.pick(['SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE']), set, 's', 't'], 1],
      [['HSET', key, member, value, 'f', '1'], 2],
      [['HSETNX', key, member, value], 1],
      [['HDEL', key, member, 'f'], 1],
      [['SET', key, value], 2],
      [['GETSET', key, value], 1],
      [['GETDEL', key], 1],
      [['MSET', key, value, random.pick(keys), '3'], 1],
      [['APPEND', key, value], 1],
      [['SETRANGE', key, '2', 'abc'], 1],
      [['RENAME', key, random.pick(keys)], 1],
      [['COPY', key, random.pick(keys), 'REPLACE'], 1],
      [['UNLINK', key, random.pick(keys)], 1],
      [['FLUSHDB'], 0.2],
      [['GET', key], 1],
    ]);
  }
}

/** To keys under which anything may be, and whose bytes others change. */
function freeSketching(random: Random): string[] {
  const [key, other] = [random.pick(KEYS), random.pick(KEYS)];
  return random.weighted<string[]>([
    [['PFADD', key, random.pick(FIELDS), random.pick(FIELDS)], 6],
    [['PFADD', key, ...Array.from({ length: 700 }, (_, index) => `${index} ${random.below(1000)}`)], 0.3],
    [['PFMERGE', key, other], 2],
    [['PFCOUNT', key, other], 1],
  ]);
}

const VALUES = ['', '0', '7', '-3', '2.5', 'x', 'some text', 'y'.repeat(70), 'z'.repeat(3000)];
const KEYS = ['k', 'l', 'm', 'n', 'o'];
const FIELDS = ['f', 'g', 'h', 'a field with a long name, which is no integer'];

/** Everything, to a few keys, wrong types included. */
export class Free implements Family {
  readonly name = 'free';
  readonly database = 1;
  private readonly scoring = new Sprinkled(0.2, 0, scoring);
  private readonly queueing = new Sprinkled(0.2, 1, queueing);
  private readonly streaming = new Sprinkled(0.12, 2, new Streaming(true).draw);
  private readonly sketching = new Sprinkled(0.05, 3, freeSketching);

  draw(random: Random, { nowMs }: Circumstances): Work {
    const { commands, check } = this.drawOthers(random);
    const queued = this.queueing.among(this.scoring.among(commands, nowMs, true), nowMs, true);
    const streamed = this.streaming.among(queued, nowMs, true);
    return { commands: this.sketching.among(streamed, nowMs, true), check };
  }

  private drawOthers(random: Random): Work {
    if (random.chance(0.08)) {
      const inner = Array.from({ length: 1 + random.below(4) }, () => this.command(random));
      return work(['MULTI'], ...inner, ['EXEC']);
    }
    return work(this.command(random));
  }

  private command(random: Random): string[] {
    const key = random.pick(KEYS);
    const other = random.pick(KEYS);
    const field = random.pick(FIELDS);
    const value = random.pick(VALUES);
    const delta = String(random.below(20) - 5);
    const ms = String(1 + random.below(4000));
    return random.weighted<string[]>([
      [['SET', key, value], 8],
      [['SET', key, value, 'PX', ms], 3],
      [['SET', key, value, 'KEEPTTL'], 1],
      [['SET', key, value, random.pick(['NX', 'XX']), 'GET'], 1],
      [['GETSET', key, value], 1],
      [['GETDEL', key], 1],
      [['APPEND', key, value], 2],
      [['SETRANGE', key, String(random.below(5)), 'abc'], 1],
      [['SETBIT', key, String(random.below(40)), '1'], 1],
      [['INCRBY', key, delta], 6],
      [['INCRBYFLOAT', key, '1.5'], 2],
      [['DEL', key], 5],
      [['UNLINK', key, other], 1],
      [['MSET', key, value, other, delta], 1],
      [['HSET', key, field, value], 6],
      [['HSET', key, field, value, random.pick(FIELDS), delta], 1],
      [['HSETNX', key, field, value], 1],
      [['HDEL', key, field], 4],
      [['HINCRBY', key, field, delta], 4],
      [['HINCRBYFLOAT', key, field, '0.25'], 1],
      [['HPEXPIRE', key, ms, 'FIELDS', '1', field], 2],
      [['HPERSIST', key, 'FIELDS', '1', field], 1],
      [['SADD', key, field, random.pick(FIELDS)], 7],
      [['SREM', key, field], 4],
      [['SPOP', key], 1],
      [['SMOVE', key, other, field], 1],
      [['SUNIONSTORE', key, other, random.pick(KEYS)], 1],
      [['SINTERSTORE', key, other, random.pick(KEYS)], 1],
      [['PEXPIRE', key, ms], 4],
      [['PEXPIRE', key, ms, random.pick(['NX', 'XX', 'GT', 'LT'])], 1],
      [['PERSIST', key], 2],
      [['RENAME', key, other], 2],
      [['COPY', key, other, 'REPLACE'], 1],
      [['FLUSHDB'], 0.3],
      [['GET', key], 2],
      [['HGETALL', key], 2],
      [['SMEMBERS', key], 2],
      [['PTTL', key], 1],
      [['TYPE', key], 1],
      [['SCAN', '0'], 0.5],
    ]);
  }
}

/** Apart from all others, and not emptied by anybody. */
export const KEEPSAKES_DATABASE = 5;

/** I16: what is written once and then left alone for good stays what it was, whatever flips in some node's memory. */
export class Keepsakes implements Family {
  readonly name = 'keepsakes';
  readonly database = KEEPSAKES_DATABASE;
  private next = 0;

  draw(random: Random, { client }: Circumstances): Work {
    const name = `${client}.${this.next++}`;
    const drawn = this.drawOthers(random, name);
    if (this.next % 5 === 4) return work(['XADD', `stream:${name}`, '1-1', 'f', name]);
    if (this.next % 5 === 0) return work(['ZADD', `zset:${name}`, String(this.next), name, '-0.5', 'x']);
    return this.next % 5 === 2 ? work(['RPUSH', `list:${name}`, name, 'x', `${name} again`]) : drawn;
  }

  private drawOthers(random: Random, name: string): Work {
    return random.weighted([
      [work(['SET', `string:${name}`, `value of ${name}`]), 3],
      [work(['HSET', `hash:${name}`, 'f', name, 'g', `other ${name}`]), 2],
      [work(['SADD', `set:${name}`, name, 'x']), 2],
      [work(['INCRBY', `counter:${name}`, String(1 + random.below(1000))]), 2],
      [work(['MULTI'], ['SET', `sum:${name}`, '5'], ['INCRBY', `sum:${name}`, '2'], ['EXEC']), 1],
    ]);
  }

  /** What a call has left: the key, and its value as contentsOf() shows it. */
  static left(commands: readonly (readonly string[])[]): [key: string, value: string] {
    const [[word, key, ...words], second] = commands;
    if (word === 'MULTI') return [second[1], '7'];
    if (word === 'HSET') return [key, `f=${words[1]},g=${words[3]}`];
    if (word === 'SADD') return [key, [...words].sort().join()];
    if (word === 'RPUSH') return [key, words.join()];
    if (word === 'XADD') return [key, ['added 1', `entry 0 1-1 f ${words[2]}`, 'last 1-1'].join()];
    if (word === 'ZADD') return [key, [`${words[1]}:${words[0]}`, `${words[3]}:${words[2]}`].sort().join()];
    return [key, words[0]];
  }
}

export function families(): Family[] {
  return [
    new Counters(),
    new Uniques(),
    new Pairs(),
    new Sequences(),
    new Sessions(),
    new Deletions(),
    new Leases(),
    new Bases(),
    new Specified(),
    new Free(),
  ];
}
