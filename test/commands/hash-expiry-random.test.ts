/** Random writes, deadlines and time on one hash, against a plain model of what Redis 7.4 says of fields that expire. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReplyValue } from '../../src/resp/decode.ts';
import { SingleNode } from './single-node.ts';

/** Fields and values of a RESP2 HGETALL. */
function asObject(reply: ReplyValue): Record<string, string> {
  if (!Array.isArray(reply)) throw new Error(`no array: ${String(reply)}`);
  const object: Record<string, string> = {};
  for (let i = 0; i < reply.length; i += 2) object[String(reply[i])] = String(reply[i + 1]);
  return object;
}

/** A hash as plain values: what random commands must amount to. */
class ModelHash {
  now: number;
  readonly fields = new Map<string, { value: string; deadline: number }>();

  constructor(now: number) {
    this.now = now;
  }

  live(field: string): { value: string; deadline: number } | undefined {
    const entry = this.fields.get(field);
    return entry !== undefined && entry.deadline > this.now ? entry : undefined;
  }

  all(): Record<string, string> {
    const all: Record<string, string> = {};
    for (const field of [...this.fields.keys()].sort()) {
      const entry = this.live(field);
      if (entry !== undefined) all[field] = entry.value;
    }
    return all;
  }

  expire(field: string, deadline: number, condition: string): number {
    const entry = this.live(field);
    if (entry === undefined) return -2;
    const none = !Number.isFinite(entry.deadline);
    if (condition === 'NX' && !none) return 0;
    if (condition === 'XX' && none) return 0;
    if (condition === 'GT' && (none || deadline <= entry.deadline)) return 0;
    if (condition === 'LT' && deadline >= entry.deadline) return 0;
    if (deadline <= this.now) this.fields.delete(field);
    else entry.deadline = deadline;
    return deadline <= this.now ? 2 : 1;
  }
}

const fieldName = fc.constantFrom('f', 'g', 'i');
const step = fc.oneof(
  fc.record({
    kind: fc.constantFrom('set' as const, 'increment' as const, 'remove' as const, 'persist' as const),
    field: fieldName,
  }),
  fc.record({
    kind: fc.constant('expire' as const),
    field: fieldName,
    afterMs: fc.constantFrom(0, 5, 20, 60),
    condition: fc.constantFrom('', 'NX', 'XX', 'GT', 'LT'),
  }),
  fc.record({ kind: fc.constant('tick' as const), ms: fc.constantFrom(1, 5, 20) }),
  fc.record({ kind: fc.constantFrom('collect' as const, 'delete' as const) }),
);

test('any sequence of writes, deadlines and time leaves what a plain model says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const one = new SingleNode();
      const model = new ModelHash(one.now);
      for (const each of steps) {
        switch (each.kind) {
          case 'set':
            assert.is(await one.run(`HSET h ${each.field} 5`), model.live(each.field) === undefined ? 1 : 0);
            model.fields.set(each.field, { value: '5', deadline: Number.POSITIVE_INFINITY });
            break;
          case 'increment': {
            const { value, deadline } = model.live(each.field) ?? { value: '0', deadline: Number.POSITIVE_INFINITY };
            const total = Number(value) + 3;
            assert.is(await one.run(`HINCRBY h ${each.field} 3`), total);
            model.fields.set(each.field, { value: String(total), deadline });
            break;
          }
          case 'remove':
            assert.is(await one.run(`HDEL h ${each.field}`), model.live(each.field) === undefined ? 0 : 1);
            model.fields.delete(each.field);
            break;
          case 'persist': {
            const entry = model.live(each.field);
            const answer = entry === undefined ? -2 : Number.isFinite(entry.deadline) ? 1 : -1;
            assert.equal(await one.run(`HPERSIST h FIELDS 1 ${each.field}`), [answer]);
            if (entry !== undefined) entry.deadline = Number.POSITIVE_INFINITY;
            break;
          }
          case 'expire': {
            const line = `HPEXPIRE h ${each.afterMs} ${each.condition} FIELDS 1 ${each.field}`.replace('  ', ' ');
            const answer = model.expire(each.field, one.now + each.afterMs, each.condition);
            assert.equal(await one.run(line), [answer], line);
            break;
          }
          case 'tick':
            one.now += each.ms;
            model.now = one.now;
            break;
          case 'collect':
            one.engine.setNow(one.now);
            one.engine.collect(100);
            break;
          case 'delete':
            assert.is(await one.run('DEL h'), Object.keys(model.all()).length > 0 ? 1 : 0);
            model.fields.clear();
        }
        const all = model.all();
        const count = Object.keys(all).length;
        assert.is(await one.run('HLEN h'), count);
        assert.is(await one.run('EXISTS h'), count > 0 ? 1 : 0);
        const shown = asObject(await one.run('HGETALL h'));
        assert.equal(Object.fromEntries(Object.entries(shown).sort()), all);
        for (const field of ['f', 'g', 'i']) {
          const entry = model.live(field);
          const answer = entry === undefined ? -2 : Number.isFinite(entry.deadline) ? entry.deadline : -1;
          assert.equal(await one.run(`HPEXPIRETIME h FIELDS 1 ${field}`), [answer]);
        }
      }
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 150) },
  );
});

test.run();
