/** INCR and its kin: increments are effects of their own, so those made at the same time on several nodes add up. */
import type { IncrementRefusal, Integer } from '../core/contract.ts';
import { KeyType } from '../core/contract.ts';
import { INT64_MIN } from '../core/integer.ts';
import { decimalArgument, integerArgument } from './arguments.ts';
import { Errors, type Reply } from './reply.ts';
import type { Call, Command } from './table.ts';

function isCounterType(call: Call): boolean {
  const type = call.db.typeOf(call.args[1]);
  if (type === KeyType.none || type === KeyType.string) return true;
  call.reply.error(Errors.wrongType);
  return false;
}

function addInteger(call: Call, delta: Integer): void {
  const total = call.db.strings.addInteger(call.args[1], delta);
  if (typeof total === 'string') refuse(call.reply, total);
  else call.reply.integer(total);
}

export function refuse(reply: Reply, refusal: IncrementRefusal): void {
  switch (refusal) {
    case 'NOT_AN_INTEGER':
      reply.error(Errors.notInteger);
      return;
    case 'NOT_A_FLOAT':
      reply.error(Errors.notFloat);
      return;
    case 'OVERFLOW':
      reply.error(Errors.overflow);
      return;
    case 'WRONG_TYPE':
      reply.error(Errors.wrongType);
      return;
    case 'NOT_FINITE':
      reply.error(Errors.notFinite);
      return;
  }
}

export const counterCommands: readonly Command[] = [
  {
    name: 'incr',
    arity: 2,
    flags: ['write', 'denyoom', 'fast'],
    keys: [1, 1, 1],
    acl: ['string'],
    since: '1.0.0',
    group: 'string',
    summary: 'Adds one to a number.',
    complexity: 'O(1)',
    run(call) {
      addInteger(call, 1);
    },
  },
  {
    name: 'decr',
    arity: 2,
    flags: ['write', 'denyoom', 'fast'],
    keys: [1, 1, 1],
    acl: ['string'],
    since: '1.0.0',
    group: 'string',
    summary: 'Takes one from a number.',
    complexity: 'O(1)',
    run(call) {
      addInteger(call, -1);
    },
  },
  {
    name: 'incrby',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: [1, 1, 1],
    acl: ['string'],
    since: '1.0.0',
    group: 'string',
    summary: 'Adds to a number.',
    complexity: 'O(1)',
    run(call) {
      const delta = integerArgument(call, 2);
      if (delta !== undefined) addInteger(call, delta);
    },
  },
  {
    name: 'decrby',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: [1, 1, 1],
    acl: ['string'],
    since: '1.0.0',
    group: 'string',
    summary: 'Takes from a number.',
    complexity: 'O(1)',
    run(call) {
      const delta = integerArgument(call, 2);
      if (delta === undefined) return;
      if (delta === INT64_MIN) call.reply.error('ERR decrement would overflow');
      else addInteger(call, typeof delta === 'number' ? 0 - delta : -delta);
    },
  },
  {
    name: 'incrbyfloat',
    arity: 3,
    flags: ['write', 'denyoom', 'fast'],
    keys: [1, 1, 1],
    acl: ['string'],
    since: '2.6.0',
    group: 'string',
    summary: 'Adds a fraction to a number.',
    complexity: 'O(1)',
    run(call) {
      if (!isCounterType(call)) return;
      const delta = decimalArgument(call, 2);
      if (delta === undefined) return;
      const total = call.db.strings.addDecimal(call.args[1], delta);
      if (typeof total === 'string') refuse(call.reply, total);
      else call.reply.bulkText(total.toString());
    },
  },
];
