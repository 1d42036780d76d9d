/**
 * What keyspace notifications call a change: in the words of Redis, which are those of the command; where a change comes
 * from another node, whose txn brings effects and no commands, those of the effect.
 */
import { KeyType, type RemoteChange } from '../../core/contract.ts';
import type { Slice } from '../../core/slice.ts';
import type { EventClass } from './event-flags.ts';

/** Every event that there is, and its class. Most commands tell one of their own name. */
const CLASS_OF: Readonly<Record<string, EventClass>> = {
  ...classOf('g', [
    'del',
    'rename_from',
    'rename_to',
    'copy_to',
    'move_from',
    'move_to',
    'expire',
    'persist',
    'restore',
  ]),
  ...classOf('$', ['set', 'append', 'setrange', 'setbit', 'incrby', 'incrbyfloat', 'pfadd']),
  ...classOf('l', ['lpush', 'rpush', 'linsert', 'lset', 'lpop', 'rpop', 'lrem', 'ltrim', 'sortstore']),
  ...classOf('s', ['sadd', 'srem', 'spop', 'sinterstore', 'sunionstore', 'sdiffstore']),
  ...classOf('h', ['hset', 'hincrby', 'hincrbyfloat', 'hdel', 'hexpire', 'hpersist', 'hexpired']),
  ...classOf('z', ['zadd', 'zincr', 'zrem', 'zremrangebyscore', 'zremrangebyrank', 'zremrangebylex', 'zpopmin']),
  ...classOf('z', ['zpopmax', 'zdiffstore', 'zinterstore', 'zunionstore', 'zrangestore', 'geosearchstore']),
  ...classOf('z', ['georadiusstore']),
  ...classOf('t', ['xadd', 'xdel', 'xtrim', 'xsetid', 'xgroup-create', 'xgroup-destroy', 'xgroup-setid']),
  ...classOf('t', ['xgroup-createconsumer', 'xgroup-delconsumer']),
  expired: 'x',
  evicted: 'e',
  new: 'n',
  keymiss: 'm',
};

function classOf(eventClass: EventClass, events: readonly string[]): Record<string, EventClass> {
  return Object.fromEntries(events.map((event) => [event, eventClass]));
}

/** Commands that tell an event of another name. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  setnx: 'set',
  getset: 'set',
  mset: 'set',
  msetnx: 'set',
  bitop: 'set',
  bitfield: 'setbit',
  incr: 'incrby',
  decr: 'incrby',
  decrby: 'incrby',
  pfmerge: 'pfadd',
  getdel: 'del',
  unlink: 'del',
  hsetnx: 'hset',
  hmset: 'hset',
  hgetdel: 'hdel',
  geoadd: 'zadd',
  bzpopmin: 'zpopmin',
  bzpopmax: 'zpopmax',
  georadius: 'georadiusstore',
  georadiusbymember: 'georadiusstore',
  sort: 'sortstore',
  lpushx: 'lpush',
  rpushx: 'rpush',
  blpop: 'lpop',
  brpop: 'rpop',
  xdelex: 'xdel',
  'xgroup|create': 'xgroup-create',
  'xgroup|createconsumer': 'xgroup-createconsumer',
  'xgroup|delconsumer': 'xgroup-delconsumer',
  'xgroup|destroy': 'xgroup-destroy',
  'xgroup|setid': 'xgroup-setid',
};

/** They put a result in place of what was under a key; without a result the key is only deleted. */
const STORING = new Set(['bitop', 'sort', 'georadius', 'georadiusbymember', 'geosearchstore', 'zrangestore']);
const STORING_SUFFIX = /^[sz](diff|inter|union)store$/;

const EXPIRING = new Set(['expire', 'pexpire', 'expireat', 'pexpireat']);
const FIELDS_EXPIRING = new Set(['hexpire', 'hpexpire', 'hexpireat', 'hpexpireat']);
/** Of what a key is gone by these, no further event tells. */
const REMOVALS = new Set(['del', 'rename_from', 'move_from', 'expired']);

/** A change that a command of a client here has made to one key. */
export interface LocalChange {
  readonly command: string;
  readonly args: readonly Slice[];
  readonly argc: number;
  /** The argument that names the key; 0: it is none of the keys that the command names. */
  readonly position: number;
  /** In another database than the client's. */
  readonly elsewhere: boolean;
  readonly before: KeyType;
  readonly after: KeyType;
  readonly hasDeadline: boolean;
  /** By how many fields or entries the value has grown; by how many consumers, where commands may make some. */
  readonly growth: number;
}

export function eventClassOf(event: string): EventClass | undefined {
  return CLASS_OF[event];
}

/** The events of a change, in their order. */
export function eventsOfCommand(change: LocalChange): readonly string[] {
  const { command, before, after } = change;
  const events = namesOf(change);
  if (after !== KeyType.none || events.some((event) => REMOVALS.has(event))) return events;
  if (STORING.has(command) || STORING_SUFFIX.test(command)) return ['del'];
  return before === KeyType.none ? events : [...events, 'del'];
}

function namesOf(change: LocalChange): readonly string[] {
  const { command, args, argc, position, elsewhere, after, hasDeadline, growth } = change;
  const gone = after === KeyType.none;
  if (EXPIRING.has(command)) return gone ? ['del'] : ['expire'];
  if (FIELDS_EXPIRING.has(command)) return gone || growth < 0 ? ['hdel'] : ['hexpire'];
  switch (command) {
    case 'set':
      return hasDeadline && !hasWord(args, argc, 3, ['keepttl']) ? ['set', 'expire'] : ['set'];
    case 'setex':
    case 'psetex':
      return ['set', 'expire'];
    case 'getex':
      return gone ? ['del'] : [hasDeadline ? 'expire' : 'persist'];
    case 'hgetex':
      return gone || growth < 0 ? ['hdel'] : [hasWord(args, argc, 2, ['persist']) ? 'hpersist' : 'hexpire'];
    case 'hsetex':
      return hasWord(args, argc, 2, ['ex', 'px', 'exat', 'pxat']) ? ['hset', 'hexpire'] : ['hset'];
    case 'rename':
    case 'renamenx':
      return [position === 1 ? 'rename_from' : 'rename_to'];
    case 'copy':
      return ['copy_to'];
    case 'move':
      return [elsewhere ? 'move_to' : 'move_from'];
    case 'smove':
      return [position === 1 ? 'srem' : 'sadd'];
    case 'zadd':
      return [hasWord(args, argc, 2, ['incr']) ? 'zincr' : 'zadd'];
    case 'zincrby':
      return ['zincr'];
    case 'zmpop':
    case 'bzmpop':
      return [hasWord(args, argc, 3, ['max']) ? 'zpopmax' : 'zpopmin'];
    case 'lmpop':
    case 'blmpop':
      return [hasWord(args, argc, 3, ['right']) ? 'rpop' : 'lpop'];
    case 'xadd':
      return growth < 1 ? ['xadd', 'xtrim'] : ['xadd'];
    case 'xack':
      return [];
    case 'xackdel':
      return growth < 0 ? ['xdel'] : [];
    case 'xreadgroup':
    case 'xclaim':
    case 'xautoclaim':
      return growth > 0 ? ['xgroup-createconsumer'] : [];
    case 'rpoplpush':
    case 'brpoplpush':
      return [position === 1 ? 'rpop' : 'lpush'];
    case 'lmove':
    case 'blmove': {
      const end = args[position === 1 ? 3 : 4].isWord('left') ? 'l' : 'r';
      return [position === 1 ? `${end}pop` : `${end}push`];
    }
    default: {
      const event = OTHER_NAMES[command] ?? command;
      if (event in CLASS_OF) return [event];
      return gone ? ['del'] : [eventOfType(after)];
    }
  }
}

/** True if one of the options from argument `from` on is one of these words. */
function hasWord(args: readonly Slice[], argc: number, from: number, words: readonly string[]): boolean {
  for (let i = from; i < argc; i++) if (words.some((word) => args[i].isWord(word))) return true;
  return false;
}

/** Of a key that is known only to be another than before: by a state transfer, say. */
export function eventOfType(type: KeyType): string {
  switch (type) {
    case KeyType.none:
      return 'del';
    case KeyType.string:
      return 'set';
    case KeyType.hash:
      return 'hset';
    case KeyType.set:
      return 'sadd';
    case KeyType.list:
      return 'rpush';
    case KeyType.zset:
      return 'zadd';
    case KeyType.stream:
      return 'xadd';
  }
}

/** The events of what a txn of another node has done to one key: a name for each kind of effect. */
export function eventsOfEffects({ effects, before, after }: RemoteChange): readonly string[] {
  const wasThere = before.type !== KeyType.none && !before.expired;
  const isGone = after.type === KeyType.none;
  const isCleared = effects.includes('keyClear');
  if (wasThere && isGone && isCleared) return ['del'];
  const events: string[] = before.expired && isCleared ? ['expired'] : [];
  if (isGone && isCleared) return events;
  const add = (event: string) => {
    if (!events.includes(event)) events.push(event);
  };
  if (!wasThere && !isGone) add('new');
  for (const effect of effects) {
    switch (effect) {
      case 'stringAssign':
        add('set');
        break;
      case 'stringAdd':
        add('incrby');
        break;
      case 'hashAssign':
        add('hset');
        break;
      case 'hashAdd':
        add('hincrby');
        break;
      case 'hashRemove':
        add('hdel');
        break;
      case 'fieldExpire':
        add('hexpire');
        break;
      case 'fieldPersist':
        add('hpersist');
        break;
      case 'fieldExpired':
        add('hexpired');
        break;
      case 'setAdd':
        add('sadd');
        break;
      case 'setRemove':
        add('srem');
        break;
      case 'zsetAssign':
        add('zadd');
        break;
      case 'zsetAdd':
        add('zincr');
        break;
      case 'zsetRemove':
        add('zrem');
        break;
      case 'listPush':
        add('rpush');
        break;
      case 'listAssign':
        add('lset');
        break;
      case 'listRemove':
        add('lrem');
        break;
      case 'streamAdd':
      case 'entryAssign':
        add('xadd');
        break;
      case 'entryRemove':
        add('xdel');
        break;
      case 'streamTrim':
        add('xtrim');
        break;
      case 'streamSetId':
        add('xsetid');
        break;
      case 'streamCreate':
      case 'groupAssign':
        add('xgroup-create');
        break;
      case 'streamGroupClear':
        add('xgroup-destroy');
        break;
      case 'consumerAssign':
        add('xgroup-createconsumer');
        break;
      case 'consumerRemove':
        add('xgroup-delconsumer');
        break;
      case 'streamDeliver':
      case 'pendingAssign':
      case 'pendingRemove':
      case 'streamNote':
        // as in Redis nobody is told who has got what
        break;
      case 'keyExpire':
        // a write under a key with a time to live writes that anew: no change
        if (after.deadline === before.deadline) break;
        add(Number.isFinite(after.deadline) ? 'expire' : 'persist');
        break;
      case 'keyClear':
      case 'stringPrune':
        break;
    }
  }
  if (isGone) add('del');
  return events;
}
