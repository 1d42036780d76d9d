/** EVAL, EVALSHA and their read-only kin. */
import { numberArgument } from '../arguments.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors } from '../reply.ts';
import type { ScriptCall } from '../services.ts';
import type { Call, Command } from '../table.ts';

export const evalCommands: readonly Command[] = [
  redisEntry('eval', (call) => runSource(call, false)),
  redisEntry('eval_ro', (call) => runSource(call, true)),
  redisEntry('evalsha', (call) => runCached(call, false)),
  redisEntry('evalsha_ro', (call) => runCached(call, true)),
];

const FIRST_KEY = 3;
/** Of a SHA-1 in hexadecimal digits. */
const SHA_LENGTH = 40;

/** Undefined with the error written: the number of keys makes no sense. */
export function scriptCall(call: Call, readOnly: boolean, notInteger?: string): ScriptCall | undefined {
  const keyCount = numberArgument(call, 2, notInteger);
  if (keyCount === undefined) return undefined;
  if (keyCount > call.argc - FIRST_KEY) {
    call.reply.error("ERR Number of keys can't be greater than number of args");
    return undefined;
  }
  if (keyCount < 0) {
    call.reply.error("ERR Number of keys can't be negative");
    return undefined;
  }
  return { call, first: FIRST_KEY, keyCount, readOnly };
}

/** A script that is past its time answers when it has ended. Inside MULTI, EXEC waits for it. */
export function awaitScript({ client, services }: Call): void {
  const { suspended } = services.scripting;
  if (suspended === null || !client.mayBlock) return;
  const blocked = client.block();
  suspended.onEnd((write) => blocked.resume(write, true));
}

function runSource(call: Call, readOnly: boolean): void {
  call.services.monitors.showScript(call);
  const script = scriptCall(call, readOnly);
  if (script === undefined) return;
  call.services.scripting.evaluate(call.args[1].view(), script);
  awaitScript(call);
}

function runCached(call: Call, readOnly: boolean): void {
  call.services.monitors.showScript(call);
  // of what is no hash nothing else is looked at
  if (call.args[1].length !== SHA_LENGTH) {
    call.reply.error(Errors.noScript);
    return;
  }
  const script = scriptCall(call, readOnly);
  if (script === undefined) return;
  call.services.scripting.evaluateCached(call.args[1].latin1(), script);
  awaitScript(call);
}
