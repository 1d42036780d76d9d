/** Replies of several clients leave together, and none stays behind. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Outbox } from '../../src/resp/outbox.ts';

class Turn {
  readonly deferred: (() => void)[] = [];
  readonly sent: number[] = [];
  readonly outbox = new Outbox((work) => this.deferred.push(work));

  add(id: number): void {
    this.outbox.add({ send: () => this.sent.push(id) });
  }

  end(): void {
    for (const work of this.deferred.splice(0)) work();
  }
}

test('few replies leave at the end of the turn, in order', () => {
  const turn = new Turn();
  for (const id of [1, 2, 3]) turn.add(id);
  assert.equal(turn.sent, []);
  turn.end();
  assert.equal(turn.sent, [1, 2, 3]);
});

test('many do not wait for the end of the turn, and the rest leaves at it', () => {
  const turn = new Turn();
  for (let id = 0; id < 20; id++) turn.add(id);
  assert.is(turn.sent.length, 16);
  turn.end();
  assert.equal(
    turn.sent,
    Array.from({ length: 20 }, (_, id) => id),
  );
});

test('who is added while others are sent leaves, too', () => {
  const turn = new Turn();
  turn.outbox.add({ send: () => turn.add(7) });
  turn.end();
  turn.end();
  assert.equal(turn.sent, [7]);
});

test('a flush before the end of the turn leaves nothing for it', () => {
  const turn = new Turn();
  turn.add(1);
  turn.outbox.flush();
  turn.end();
  assert.equal(turn.sent, [1]);
});

test.run();
