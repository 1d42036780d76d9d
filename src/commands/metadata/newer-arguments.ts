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
