/** A second node in this process: what either writes is carried to the other when the test says so. */
import * as assert from 'uvu/assert';
import type { Engine, Envelope } from '../../src/core/index.ts';
import { type Served, serve } from '../resp/served.ts';
import { talker } from '../resp/talker.ts';

/** Until what a txn of another node has woken is served. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** Another node, with a client of its own, and the way from it to this one and back. */
export function beside(served: Served) {
  const other = talker(serve([], undefined, '00000000000000b2'));
  const { say } = other.open();
  other.served.engine.setNow(served.engine.now);
  const way = (from: Engine, to: Engine) => {
    const sealed: Envelope[] = [];
    from.onEnvelope((envelope, isLocal) => {
      if (isLocal) sealed.push(envelope);
    });
    return async () => {
      from.seal();
      for (const { bytes } of sealed.splice(0)) assert.is(to.receive(bytes).kind, 'applied');
      await nextTurn();
    };
  };
  return { say, here: way(other.served.engine, served.engine), there: way(served.engine, other.served.engine) };
}
