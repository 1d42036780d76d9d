/** WAIT and WAITAOF: how far a write has got. Every node is a master here, so its peers stand for Redis's replicas. */
import { numberArgument } from './arguments.ts';
import { redisEntry } from './metadata/entry.ts';
import { Errors } from './reply.ts';
import type { Call, Command } from './table.ts';

const BAD_TIMEOUT = 'ERR timeout is not an integer or out of range';

export const waitingCommands: readonly Command[] = [
  redisEntry('wait', runWait),
  {
    name: 'waitaof',
    arity: 4,
    flags: ['blocking'],
    keys: [0, 0, 0],
    acl: ['connection'],
    since: '7.2.0',
    group: 'generic',
    summary: 'Waits until all writes so far are on the disk of this node, and of so many others.',
    complexity: 'O(1)',
    run: runWaitAof,
  },
];

/** The number of the last txn of this node: whatever its clients wrote so far. */
function lastOwnTxn({ engine }: Call): number {
  return engine.vector().find((entry) => entry.replica === engine.replica)?.number ?? 0;
}

/** Undefined after an error. */
function timeoutArgument(call: Call, index: number): number | undefined {
  const timeout = numberArgument(call, index, BAD_TIMEOUT);
  if (timeout === undefined || timeout >= 0) return timeout;
  call.reply.error('ERR timeout is negative');
  return undefined;
}

/** 0 to `max`. Undefined after an error: `error` where it is a number, but another. */
function countArgument(call: Call, index: number, max: number, error: string): number | undefined {
  const count = numberArgument(call, index);
  if (count === undefined || (count >= 0 && count <= max)) return count;
  call.reply.error(error);
  return undefined;
}

function runWait(call: Call): void {
  const { client, reply, services } = call;
  const wanted = numberArgument(call, 1);
  if (wanted === undefined) return;
  const timeoutMs = timeoutArgument(call, 2);
  if (timeoutMs === undefined) return;
  const { mesh } = services;
  const number = lastOwnTxn(call);
  const confirmed = mesh.confirmations(number);
  if (confirmed >= wanted || !client.mayBlock) {
    reply.integer(confirmed);
    return;
  }
  const blocked = client.block((later) => later.integer(mesh.confirmations(number)));
  mesh.waitFor(number, wanted, timeoutMs).then(
    (count) => blocked.resume((later) => later.integer(count)),
    (error: unknown) => blocked.resume((later) => later.error(`ERR ${String(error)}`)),
  );
}

function runWaitAof(call: Call): void {
  const { client, reply, services } = call;
  const local = countArgument(call, 1, 1, 'ERR value is out of range, value must between 0 and 1');
  if (local === undefined) return;
  const peers = countArgument(call, 2, Number.MAX_SAFE_INTEGER, Errors.notPositive);
  if (peers === undefined) return;
  const timeoutMs = timeoutArgument(call, 3);
  if (timeoutMs === undefined) return;
  const { mesh, store } = services;
  const number = lastOwnTxn(call);
  let isHere = store.isDurable;
  const answer = (later: Call['reply']) => {
    later.array(2);
    later.flag(isHere);
    later.integer(mesh.durableConfirmations(number));
  };
  const isEnough = () => (local === 0 || isHere) && mesh.durableConfirmations(number) >= peers;
  if (isEnough() || !client.mayBlock) {
    answer(reply);
    return;
  }
  const blocked = client.block(answer);
  const timer = timeoutMs === 0 ? undefined : setTimeout(() => blocked.resume(answer), timeoutMs);
  const end = () => {
    clearTimeout(timer);
    blocked.resume(answer);
  };
  if (local > 0 && !isHere) {
    store.whenDurable((failed) => {
      isHere = !failed;
      // the disk does not take it: to wait longer is no use
      if (failed || isEnough()) end();
    });
  }
  if (peers === 0) return;
  mesh.waitForDurable(number, peers, timeoutMs).then(
    () => {
      if (isEnough()) end();
    },
    (error: unknown) => blocked.resume((later) => later.error(`ERR ${String(error)}`)),
  );
}
