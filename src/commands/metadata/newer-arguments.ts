/** Arguments of commands that Redis has later than 7.0, and of Starling's own, for COMMAND DOCS and the hints of redis-cli. */
import type { ArgumentDescription } from './index.ts';

const key: ArgumentDescription = { name: 'key', type: 'key', key_spec_index: 0 };
const fields: ArgumentDescription = {
  name: 'fields',
  type: 'block',
  token: 'FIELDS',
  arguments: [
    { name: 'numfields', type: 'integer' },
    { name: 'field', type: 'string', flags: ['multiple'] },
  ],
};
const condition: ArgumentDescription = {
  name: 'condition',
  type: 'oneof',
  flags: ['optional'],
  arguments: ['nx', 'xx', 'gt', 'lt'].map((name) => ({ name, type: 'pure-token', token: name.toUpperCase() })),
};

function expiry(name: string, type: string): readonly ArgumentDescription[] {
  return [key, { name, type }, condition, fields];
}

function pureToken(name: string): ArgumentDescription {
  return { name, type: 'pure-token', token: name.toUpperCase() };
}

/** An expire time, or the word that stands instead of one. */
function time(instead: string): ArgumentDescription {
  return {
    name: 'expiration',
    type: 'oneof',
    flags: ['optional'],
    arguments: [
      { name: 'seconds', type: 'integer', token: 'EX' },
      { name: 'milliseconds', type: 'integer', token: 'PX' },
      { name: 'unix-time-seconds', type: 'unix-time', token: 'EXAT' },
      { name: 'unix-time-milliseconds', type: 'unix-time', token: 'PXAT' },
      pureToken(instead),
    ],
  };
}

const fieldsAndValues: ArgumentDescription = {
  name: 'fields',
  type: 'block',
  token: 'FIELDS',
  arguments: [
    { name: 'numfields', type: 'integer' },
    {
      name: 'data',
      type: 'block',
      flags: ['multiple'],
      arguments: [
        { name: 'field', type: 'string' },
        { name: 'value', type: 'string' },
      ],
    },
  ],
};
const presence: ArgumentDescription = {
  name: 'condition',
  type: 'oneof',
  flags: ['optional'],
  arguments: ['fnx', 'fxx'].map(pureToken),
};

const policy: ArgumentDescription = {
  name: 'condition',
  type: 'oneof',
  flags: ['optional'],
  arguments: ['keepref', 'delref', 'acked'].map(pureToken),
};
const ids: ArgumentDescription = {
  name: 'ids',
  type: 'block',
  token: 'IDS',
  arguments: [
    { name: 'numids', type: 'integer' },
    { name: 'id', type: 'string', flags: ['multiple'] },
  ],
};

export const NEWER_ARGUMENTS: Readonly<Record<string, readonly ArgumentDescription[]>> = {
  hexpire: expiry('seconds', 'integer'),
  hpexpire: expiry('milliseconds', 'integer'),
  hexpireat: expiry('unix-time-seconds', 'unix-time'),
  hpexpireat: expiry('unix-time-milliseconds', 'unix-time'),
  httl: [key, fields],
  hpttl: [key, fields],
  hexpiretime: [key, fields],
  hpexpiretime: [key, fields],
  hpersist: [key, fields],
  hgetex: [key, time('persist'), fields],
  hsetex: [key, presence, time('keepttl'), fieldsAndValues],
  hgetdel: [key, fields],
  xackdel: [key, { name: 'group', type: 'string' }, policy, ids],
  xdelex: [key, policy, ids],
  waitaof: [
    { name: 'numlocal', type: 'integer' },
    { name: 'numreplicas', type: 'integer' },
    { name: 'timeout', type: 'integer' },
  ],
  'client|setinfo': [
    {
      name: 'attr',
      type: 'oneof',
      arguments: [
        { name: 'libname', type: 'string', token: 'LIB-NAME' },
        { name: 'libver', type: 'string', token: 'LIB-VER' },
      ],
    },
  ],
  'client|no-touch': [
    {
      name: 'enabled',
      type: 'oneof',
      arguments: ['on', 'off'].map((name) => ({ name, type: 'pure-token', token: name.toUpperCase() })),
    },
  ],
  'crdt|inspect': [key],
  'crdt|conflicts': [{ name: 'count', type: 'integer', flags: ['optional'] }],
  'crdt|verify': [{ name: 'norepair', type: 'pure-token', token: 'NOREPAIR', flags: ['optional'] }],
  'mesh|join': [{ name: 'multiaddr', type: 'string' }],
  'mesh|forget': [{ name: 'peer', type: 'string' }],
};
