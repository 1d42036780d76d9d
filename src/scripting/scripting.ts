/**
 * Scripts of EVAL: kept by their SHA-1, compiled once, run as one txn with the command that runs them. Scripts run on the
 * command thread, so nothing of any other client happens meanwhile; one that is past `busy-reply-threshold` gives the thread
 * back for a moment every few milliseconds, in which everybody else is told BUSY. What it has written so far is a txn then:
 * such a script is whole for the clients of this node, and arrives elsewhere in parts.
 */
import { createHash } from 'node:crypto';
import { CommandCall } from '../commands/dispatch.ts';
import { Errors, type Reply } from '../commands/reply.ts';
import type { ScriptCall, ScriptingService, ScriptingStatistics, SuspendedScript } from '../commands/services.ts';
import type { Call, Command } from '../commands/table.ts';
import type { Slice } from '../core/slice.ts';
import type { Outcome } from './coroutines.ts';
import { Functions } from './functions.ts';
import { Interpreter } from './interpreter.ts';
import { libraries } from './libraries.ts';
import type { ScriptFunction } from './library.ts';
import type { Thread } from './machine.ts';
import type { RunningScript } from './running.ts';
import { parseScript, type Script, type ScriptFlag } from './script.ts';
import { ScriptClient } from './script-client.ts';

const BUSY = {
  script: 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  function: 'BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.',
};
const NOTBUSY = 'NOTBUSY No scripts in execution right now.';
const UNKILLABLE =
  'UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script ' +
  'termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.';
const RECENT_SOURCES = 8;
const RECENT_BYTES_MAX = 16 * 1024;
const SHA_LENGTH = 40;

interface Suspended extends SuspendedScript {
  readonly interpreter: Interpreter;
  readonly script: RunningScript;
}

export class Scripting implements ScriptingService {
  busy: string | null = null;
  allowsAll = false;
  suspended: Suspended | null = null;
  readonly functions = new Functions((interpreter, found, script) => this.runFunction(interpreter, found, script));
  private readonly scripts = new Map<string, Script>();
  /** Sources that came lately, with their digests. */
  private readonly recent: { readonly source: Buffer; readonly sha: string }[] = [];
  private scriptBytes = 0;
  private evalInterpreter: Interpreter | null = null;
  /** Of evalInterpreter: where its registry has a script's function. */
  private readonly compiled = new Map<string, number>();
  private client: ScriptClient | null = null;
  private call: CommandCall | null = null;

  evaluate(source: Buffer, script: ScriptCall): void {
    const loaded = this.load(source);
    if ('error' in loaded) script.call.reply.error(loaded.error);
    else this.evaluateCached(loaded.sha, script);
  }

  evaluateCached(sha: string, { call, first, keyCount, readOnly }: ScriptCall): void {
    const script = sha.length === SHA_LENGTH ? this.scripts.get(sha.toLowerCase()) : undefined;
    if (script === undefined) {
      call.reply.error(Errors.noScript);
      return;
    }
    const refusal = refusalOf(call, script.flags, readOnly);
    if (refusal !== null) {
      call.reply.error(refusal);
      return;
    }
    const { flags } = script;
    const interpreter = this.interpreterForScripts();
    const running = this.prepare(call, {
      kind: 'script',
      name: script.sha,
      readOnly: readOnly || flags?.has('no-writes') === true,
      allowOom: flags?.has('allow-oom') === true,
    });
    this.run(interpreter, running, () => {
      const reference = this.referenceOf(interpreter, script);
      return interpreter.run(running, reference, busyAfterMs(call), (thread) => {
        pushWords(interpreter, thread, call, first, first + keyCount);
        interpreter.environment.setGlobal(thread, 'KEYS');
        pushWords(interpreter, thread, call, first + keyCount, call.argc);
        interpreter.environment.setGlobal(thread, 'ARGV');
        return 0;
      });
    });
  }

  private runFunction(interpreter: Interpreter, found: ScriptFunction, script: ScriptCall): void {
    const { call, first, keyCount, readOnly } = script;
    const { name, flags, reference } = found;
    const refusal = refusalOf(call, flags, readOnly);
    if (refusal !== null) {
      call.reply.error(refusal);
      return;
    }
    const running = this.prepare(call, {
      kind: 'function',
      name,
      readOnly: readOnly || flags.has('no-writes'),
      allowOom: flags.has('allow-oom'),
    });
    this.run(interpreter, running, () =>
      interpreter.run(running, reference, busyAfterMs(call), (thread) => {
        pushWords(interpreter, thread, call, first, first + keyCount);
        pushWords(interpreter, thread, call, first + keyCount, call.argc);
        return 2;
      }),
    );
  }

  load(source: Buffer): { readonly sha: string } | { readonly error: string } {
    const sha = this.shaOf(source);
    if (this.scripts.has(sha)) return { sha };
    const script = parseScript(sha, source);
    if ('error' in script) return script;
    const reference = this.interpreterForScripts().compile(script.body);
    if (typeof reference === 'string') return { error: `ERR Error compiling script (new function): ${reference}` };
    this.compiled.set(sha, reference);
    // the bytes belong to the client's input
    this.scripts.set(sha, { ...script, body: Buffer.from(script.body) });
    this.scriptBytes += source.length + SHA_LENGTH;
    return { sha };
  }

  /** Most clients send the same few sources again and again, and to compare costs a tenth of what the digest does. */
  private shaOf(source: Buffer): string {
    for (const known of this.recent) if (known.source.equals(source)) return known.sha;
    const sha = createHash('sha1').update(source).digest('hex');
    if (source.length <= RECENT_BYTES_MAX) {
      if (this.recent.length >= RECENT_SOURCES) this.recent.shift();
      this.recent.push({ source: Buffer.from(source), sha });
    }
    return sha;
  }

  isCached(sha: string): boolean {
    return this.scripts.has(sha.toLowerCase());
  }

  flush(): void {
    this.scripts.clear();
    this.scriptBytes = 0;
    this.forgetInterpreter();
  }

  mayWrite({ name }: Command, args: readonly Slice[], call: Call): boolean {
    const flags = this.flagsOf(name, args, call);
    return flags !== undefined && !flags?.has('no-writes');
  }

  /** Null: without a shebang; undefined: none that may write, or no script at all. */
  private flagsOf(name: string, args: readonly Slice[], call: Call): ReadonlySet<string> | null | undefined {
    if (name === 'eval') {
      const script = parseScript('', args[1].view());
      return 'error' in script ? undefined : script.flags;
    }
    if (name === 'evalsha') return this.scripts.get(args[1].latin1().toLowerCase())?.flags;
    return name === 'fcall' ? this.functions.flagsOf(call, args[1].latin1()) : undefined;
  }

  stop(): void {
    this.busy = null;
    this.suspended = null;
    this.functions.running = null;
  }

  kill(kind: 'script' | 'function'): string | null {
    const { suspended } = this;
    if (suspended === null) return NOTBUSY;
    const { script } = suspended;
    if (script.wrote) return UNKILLABLE;
    if (script.kind !== kind) return BUSY[script.kind];
    script.killed = true;
    return null;
  }

  statistics(): ScriptingStatistics {
    return {
      cachedScripts: this.scripts.size,
      functions: this.functions.functionCount,
      libraries: this.functions.libraryCount,
      evalInterpreterBytes: this.evalInterpreter?.machine.usedBytes() ?? 0,
      functionInterpreterBytes: this.functions.interpreter?.machine.usedBytes() ?? 0,
      scriptBytes: this.scriptBytes,
      functionBytes: this.functions.sourceBytes,
    };
  }

  private interpreterForScripts(): Interpreter {
    this.evalInterpreter ??= new Interpreter('script', libraries);
    return this.evalInterpreter;
  }

  private forgetInterpreter(): void {
    this.evalInterpreter = null;
    this.compiled.clear();
  }

  private referenceOf(interpreter: Interpreter, { sha, body }: Script): number {
    const known = this.compiled.get(sha);
    if (known !== undefined) return known;
    const reference = interpreter.compile(body);
    if (typeof reference === 'string') throw new Error(`a script that was compiled before: ${reference}`);
    this.compiled.set(sha, reference);
    return reference;
  }

  private prepare(caller: Call, given: Pick<RunningScript, 'kind' | 'name' | 'readOnly' | 'allowOom'>): RunningScript {
    if (!(caller instanceof CommandCall)) throw new Error('a script needs the call of a session');
    this.client ??= new ScriptClient(caller);
    this.client.actFor(caller.client);
    this.call ??= caller.callOf(this.client, this.client.out);
    return {
      // one by one: a spread costs a third of a short script
      kind: given.kind,
      name: given.name,
      readOnly: given.readOnly,
      allowOom: given.allowOom,
      caller,
      call: this.call,
      client: this.client,
      outOfMemory: caller.outOfMemory,
      startedAt: caller.engine.now,
      wrote: false,
      killed: false,
      listeners: [],
    };
  }

  /** Runs a script up to its end, or up to where its time is over. */
  private run(interpreter: Interpreter, script: RunningScript, start: () => Outcome): void {
    const { reply } = script.caller;
    let outcome: Outcome;
    interpreter.services = script.caller.services;
    try {
      outcome = start();
    } catch (error) {
      reply.error(this.broken(interpreter, script, error));
      return;
    }
    if (outcome === 'paused') this.suspend(interpreter, script);
    else this.end(interpreter, script, outcome, reply);
  }

  private discard(interpreter: Interpreter): void {
    interpreter.script = null;
    if (interpreter === this.evalInterpreter) this.forgetInterpreter();
    else if (interpreter === this.functions.interpreter) this.functions.forgetInterpreter();
  }

  /** Writes the reply of a script that has ended. That takes memory too, of which there may be no more. */
  private end(interpreter: Interpreter, script: RunningScript, outcome: Outcome, reply: Reply): void {
    const mark = reply.mark();
    try {
      interpreter.writeReply(outcome, reply);
      interpreter.finish();
    } catch (error) {
      reply.rewind(mark);
      reply.error(this.broken(interpreter, script, error));
    }
    if (interpreter.isOversized) this.discard(interpreter);
  }

  /** The interpreter is of no use any more: tells the log, and gives the text of the reply. */
  private broken(interpreter: Interpreter, { caller, name }: RunningScript, error: unknown): string {
    this.discard(interpreter);
    const reason = error instanceof Error ? error.message : 'not enough memory';
    caller.services.node.log(`script ${name} has broken its interpreter: ${reason}; there is a new one`);
    return `ERR the script has broken its interpreter (${reason}) script: ${name}`;
  }

  private suspend(interpreter: Interpreter, script: RunningScript): void {
    this.busy = BUSY[script.kind];
    this.suspended = { interpreter, script, onEnd: (listener) => script.listeners.push(listener) };
    script.caller.services.node.log(`slow ${script.kind} ${script.name} is past busy-reply-threshold`);
    if (script.kind === 'function') this.functions.running = this.describe(script);
    setImmediate(() => this.proceed());
  }

  /** For FUNCTION STATS. */
  private describe({ caller, name, startedAt }: RunningScript): Functions['running'] {
    const words = caller.args.slice(0, caller.argc).map((arg) => arg.copy());
    return {
      name,
      words,
      get durationMs() {
        return Math.max(0, Date.now() - startedAt);
      },
    };
  }

  /** The next turn of a suspended script, with a txn of its own, at the time at which the script began. */
  private proceed(): void {
    const { suspended } = this;
    if (suspended === null) return;
    const { interpreter, script } = suspended;
    const { engine, services } = script.caller;
    engine.setNow(script.startedAt);
    engine.begin();
    let outcome: Outcome = 'failed';
    let broken: string | null = null;
    try {
      if (!script.killed) outcome = interpreter.proceed();
    } catch (error) {
      broken = this.broken(interpreter, script, error);
    }
    if (outcome !== 'paused') this.endSuspended(interpreter, script, outcome, broken);
    engine.commit();
    engine.setNow(Date.now());
    if (outcome === 'paused') setImmediate(() => this.proceed());
    else if (services.keyWaits.isReady) services.keyWaits.serve();
  }

  private endSuspended(interpreter: Interpreter, script: RunningScript, outcome: Outcome, broken: string | null): void {
    this.stop();
    for (const listener of script.listeners)
      listener((reply) => {
        if (broken !== null) reply.error(broken);
        else this.end(interpreter, script, outcome, reply);
      });
    // nobody listens any more: the client has gone
    if (interpreter.script === script) interpreter.finish();
  }
}

/** `busy-reply-threshold`, of which `lua-time-limit` is another name. */
function busyAfterMs({ services }: Call): number {
  return Number(services.config.get('busy-reply-threshold'));
}

/** A table of the words of a call, from `from` on and before `to`. */
function pushWords({ machine }: Interpreter, thread: Thread, { args }: Call, from: number, to: number): void {
  const { api } = machine;
  api.lua_createtable(thread, to - from, 0);
  for (let i = from; i < to; i++) {
    const { bytes, start, end } = args[i];
    machine.pushRange(thread, bytes, start, end);
    api.lua_rawseti(thread, -2, i - from + 1);
  }
}

/** Why a script with these flags may not begin; one without a shebang (null) is judged command by command. */
export function refusalOf(call: Call, flags: ReadonlySet<ScriptFlag> | null, readOnly: boolean): string | null {
  if (flags === null) return null;
  if (!(call instanceof CommandCall)) throw new Error('a script needs the call of a session');
  if (!flags.has('no-writes')) {
    if (call.outOfMemory && !flags.has('allow-oom')) return Errors.oom;
    const { failure } = call.services.store;
    if (failure !== null)
      return (
        `MISCONF Starling is configured to persist data, but it is currently unable to: ${failure}. ` +
        "Writable scripts are blocked. Use 'no-writes' flag for read only scripts."
      );
    if (readOnly) return 'ERR Can not execute a script with write flag using *_ro command.';
  }
  return null;
}
