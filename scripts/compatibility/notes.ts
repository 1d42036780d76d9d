/**
 * What docs/compatibility.md says of a command beyond what the registry knows: the effect that a write has on the
 * other nodes, and where an answer differs from Redis's. A command without a note answers as Redis does and, if it
 * writes, is replicated as its name says. scripts/compatibility.ts complains about notes on commands that do not exist.
 */
const REGISTER = 'writes the whole value; of concurrent writes the later one shows';
const COUNTER = 'an increment: concurrent ones add up; a concurrent SET or DEL cancels only those that it saw';
const FIELD_COUNTER = 'an increment: concurrent ones add up; a concurrent HSET or HDEL cancels only those that it saw';
const REMOVES = 'removes what this node had seen; what was written elsewhere meanwhile stays';
const FIELD = 'per field; a write wins over a concurrent removal, of concurrent writes the later one shows';
const ADD = 'adds; wins over a removal that had not seen it';
const SCORE = 'per member; wins over a concurrent removal, of concurrent scores the later one shows';
const SCORE_COUNTER = 'an addition: concurrent ones add up; a concurrent ZADD or ZREM cancels only those that it saw';
const PICKED = 'replicates the removal of the members that it picked';
const AROUND_EDGE = 'from longitude 180 itself it also finds what lies east of it, which Redis does not';
const SERVED = 'who waits is served in the order of arrival on this node, by what comes from other nodes as well';
const WAITS = `${PICKED}; ${SERVED}`;
const PUSH =
  'goes beyond the end that this node sees; what one command pushes stays together, concurrent pushes stand in the order of time';
const TAKEN = 'replicates the removal of the elements that it gave out; two nodes may give out the same one';
const MOVED = 'a push and the removal of the element that it took, in one txn; two nodes may move the same one';
const FOUND =
  'replicates the removal of the elements that it found; what was pushed or written elsewhere meanwhile stays';
const DELIVERED = 'replicates what it delivers, and to whom; two nodes may deliver the same entry at the same time';
const CLAIMED = 'takes over what is pending on any node; of concurrent claims the later one has it';
const STORED = 'replaces the destination as this node sees the result, as one txn';
const DEADLINE = 'a time to live: of concurrent ones the longest wins; a concurrent SET is not cut short by it';
const FIELD_DEADLINE = 'as the times to live of keys, per field';
const REFUSED = 'always answers an error that says why';
const SAVES = 'writes the state out beside the running node; there is no RDB file';

const PUBLISHED =
  'reaches listeners on every node that can be reached, at most once; the answer counts those of all nodes, as far as is known here';
const LISTENERS = 'counts the listeners of all nodes that can be reached';

export const NOTES: Readonly<Record<string, string>> = {
  dump: 'in the plain forms of RDB 10 (12 with times to live of fields)',
  migrate:
    'the node goes on meanwhile; a key that is changed on its way stays, and the answer says so; not within a transaction',
  restore:
    'writes as any write does; reads all forms up to Redis 7.4; a stream with two entries of one id is refused; IDLETIME and FREQ are checked and not kept',
  publish: PUBLISHED,
  spublish: `${PUBLISHED}; there are no slots`,
  pubsub: LISTENERS,
  set: REGISTER,
  setnx: REGISTER,
  setex: REGISTER,
  psetex: REGISTER,
  getset: REGISTER,
  mset: `${REGISTER}; all keys in one txn`,
  msetnx: `${REGISTER}; the check is on this node`,
  append: REGISTER,
  setrange: REGISTER,
  setbit: `${REGISTER}; a bit that is so already is no write`,
  bitfield: REGISTER,
  bitop: `${STORED}; DIFF, DIFF1, ANDOR and ONE as in Redis 8.2`,
  getdel: REMOVES,
  getex: DEADLINE,
  incr: COUNTER,
  incrby: COUNTER,
  decr: COUNTER,
  decrby: COUNTER,
  incrbyfloat: `${COUNTER}; sums are exact decimals`,
  del: REMOVES,
  unlink: REMOVES,
  rename: 'copies, then removes what this node had seen, in one txn',
  renamenx: 'as RENAME; the check is on this node',
  copy: 'writes what this node sees',
  move: 'copies, then removes what this node had seen, in one txn',
  expire: DEADLINE,
  pexpire: DEADLINE,
  expireat: DEADLINE,
  pexpireat: DEADLINE,
  persist: 'beats any concurrent time to live',
  ttl: 'an expired key is hidden on every node at the same point in time',
  hset: FIELD,
  hmset: FIELD,
  hsetnx: `${FIELD}; the check is on this node`,
  hdel: REMOVES,
  hincrby: FIELD_COUNTER,
  hincrbyfloat: `${FIELD_COUNTER}; sums are exact decimals`,
  hexpire: FIELD_DEADLINE,
  hpexpire: FIELD_DEADLINE,
  hexpireat: FIELD_DEADLINE,
  hpexpireat: FIELD_DEADLINE,
  hpersist: FIELD_DEADLINE,
  hgetex: FIELD_DEADLINE,
  hsetex: `${FIELD}; the check is on this node`,
  hgetdel: REMOVES,
  sadd: `${ADD}; adding a member that is there counts as an effect too`,
  srem: REMOVES,
  spop: PICKED,
  smove: 'removes what this node had seen and adds, in one txn',
  sinterstore: STORED,
  sunionstore: STORED,
  sdiffstore: STORED,
  lpush: PUSH,
  rpush: PUSH,
  lpushx: `${PUSH}; the check is on this node`,
  rpushx: `${PUSH}; the check is on this node`,
  lpop: TAKEN,
  rpop: TAKEN,
  lmpop: TAKEN,
  blpop: `${TAKEN}; ${SERVED}`,
  brpop: `${TAKEN}; ${SERVED}`,
  blmpop: `${TAKEN}; ${SERVED}`,
  lmove: MOVED,
  rpoplpush: MOVED,
  blmove: `${MOVED}; ${SERVED}`,
  brpoplpush: `${MOVED}; ${SERVED}`,
  linsert: 'stands beside the element that it found on this node, whatever is pushed meanwhile',
  lset: 'another value in the same place: of concurrent ones the later shows; wins over a concurrent removal',
  lrem: FOUND,
  ltrim: FOUND,
  zadd: `${SCORE}; a score that is there already counts as an effect too; NX, XX, GT and LT look at this node; INCR adds`,
  zincrby: `${SCORE_COUNTER}; sums are exact decimals, and the score is the double nearest to them`,
  zrem: REMOVES,
  zremrangebylex: PICKED,
  zremrangebyrank: PICKED,
  zremrangebyscore: PICKED,
  zpopmin: PICKED,
  zpopmax: PICKED,
  zmpop: PICKED,
  bzmpop: WAITS,
  bzpopmax: WAITS,
  bzpopmin: WAITS,
  zrangestore: STORED,
  geoadd: 'a position is a score of a sorted set: of concurrent ones the later shows; wins over a concurrent removal',
  georadius: `STORE ${STORED}; ${AROUND_EDGE}`,
  georadiusbymember: `STORE ${STORED}`,
  geosearch: AROUND_EDGE,
  geosearchstore: STORED,
  zdiffstore: STORED,
  zinterstore: STORED,
  zunionstore: STORED,
  xadd: 'adds; wins over a removal that had not seen it; the sequence that `*` makes ends with a tag of the node, so that no two nodes make one id; an id that is given, and the next of `ms-*`, may be taken elsewhere at the same time: then there are two entries with it; KEEPREF, DELREF and ACKED of Redis 8.2',
  xdel: REMOVES,
  xdelex:
    'removes what this node had seen; ACKED asks the groups as this node knows them, and an entry that arrived late is not yet delivered',
  xackdel: 'as XACK, and as XDELEX',
  xtrim: `${REMOVES}; ~ removes as many entries as Redis does where nothing was removed within the stream and nodes are not limited by bytes; KEEPREF, DELREF and ACKED of Redis 8.2`,
  xsetid: 'of concurrent last ids the greatest counts; what is added meanwhile counts on top of ENTRIESADDED',
  xread: `a connection that goes on behind its last answer also gets what arrives late, with a smaller id; else it goes by ids; + of Redis 7.4; ${SERVED}`,
  xreadgroup: `${DELIVERED}; also what arrives late is delivered; the consumer is there from its first call, as since Redis 7.2; without CLAIM (8.4); ${SERVED}`,
  xack: REMOVES,
  xclaim: CLAIMED,
  xautoclaim: CLAIMED,
  xgroup:
    'where a group is used elsewhere while it is removed it stays, as does a consumer; of concurrent SETIDs the later counts',
  xinfo:
    'with active-time and inactive of Redis 7.2; radix-tree-keys and -nodes tell how many nodes Redis would have, each full; entries-read is null while nodes read at the same time',
  flushdb: REMOVES,
  flushall: REMOVES,
  swapdb: 'an effect on every key of both databases: takes time with their size',
  exec: 'one txn: it shows on every node as a whole',
  watch: 'wakes on what comes from other nodes too',
  wait: 'counts nodes that have applied everything this node wrote so far',
  waitaof:
    'replicas are the members that are connected; each is asked to bring what it has to its disk, and answers then',
  save: SAVES,
  bgsave: SAVES,
  bgrewriteaof: SAVES,
  lastsave: 'the last time the state was written out',
  role: 'always master, without replicas; see MESH PEERS',
  info: 'with the section Crdt',
  replicaof: 'only NO ONE; nodes come together by MESH JOIN',
  slaveof: 'as REPLICAOF',
  failover: REFUSED,
  psync: REFUSED,
  replconf: REFUSED,
  sync: REFUSED,
  cluster: REFUSED,
  asking: REFUSED,
  readonly: REFUSED,
  readwrite: REFUSED,
  acl: 'users are this node’s own, as in Redis: they are not replicated; rules, texts and log as of Redis 7.4',
  auth: 'against the users of this node',
  client: 'TRACKING: what changes on other nodes, is evicted, and expires, invalidates too',
  sort: 'STORE writes the result as a list, in place of whatever this node saw there; of equals the element decides',
  sort_ro: 'of equals the element decides',
  pfadd: 'writes the whole value; of concurrent ones all count, each register at its highest',
  pfcount: 'keeps no cardinality in the value: a read writes nothing',
  pfmerge: 'writes the whole value; of concurrent ones all count, each register at its highest',
  module: 'there are none: LIST is empty, LOAD and UNLOAD answer an error',
  latency:
    'events are command, fast-command, expire-cycle, eviction-cycle, eviction-del, aof-fsync-always and state-merge; DOCTOR answers in words of its own; in HISTOGRAM commands that are quick by nature share the time of their pipeline',
  eval: 'Lua 5.1; what a script has done is replicated, not the script; redis.set_repl changes nothing; memory for 512 MiB of values',
  evalsha: 'scripts are kept by each node for itself',
  script: 'KILL, within busy-reply-threshold; there is no debugger',
  function: 'libraries are of the whole mesh: of two of one name the later one stays',
  fcall: 'as EVAL',
  memory: 'bytes in the arena, with what the CRDTs keep; nothing is sampled',
  object:
    'ENCODING names what Redis would choose; IDLETIME and FREQ know of reads on this node, and of writes on all; idle times wrap after three days',
  debug:
    'what the tests use, see DEBUG HELP; RELOAD and LOADAOF write to disk and keep the data in memory; REPLICATION PAUSE is our own',
  slowlog: 'commands that are quick by nature share the time of their pipeline, and are noted when they came alone',
  lolwut: 'a starling',
  config:
    'directives of redis.conf that have no meaning here are kept and answered; port and bind are taken at the start only',
  command: 'Redis 7.0.15 describes its commands itself; newer ones and our own are described by us',
  crdt: 'our own',
  mesh: 'our own',
  dbsize: 'counts expired keys that are not removed yet, as Redis does',
};
