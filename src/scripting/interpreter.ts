/**
 * One interpreter with everything around it: Lua, the environment of scripts, the hook that watches the time, and the one
 * script that runs in it. Scripts have one interpreter, functions another.
 */
import type { Reply } from '../commands/reply.ts';
import type { Services } from '../commands/services.ts';
import { COUNTED, writeValue } from './conversion.ts';
import type { Outcome } from './coroutines.ts';
import { Environment, type Library } from './environment.ts';
import { BrokenMachine, LuaMachine, LuaType, type Place, REGISTRY, type Thread } from './machine.ts';
import { type RedisLibraryHost, redisLibrary } from './redis-library.ts';
import type { RunningScript } from './running.ts';

/** Instructions between two looks at the clock: about a millisecond. */
const HOOK_INSTRUCTIONS = 100_000;
/** A script that is past its time runs so long before it lets others in again. */
const SLICE_MS = 20;
/** With more memory than this an interpreter is not kept: WebAssembly never gives any back. */
const NOT_YET = -1;
const CANNOT_BE_LEFT = 'it ran past busy-reply-threshold in a metamethod, where no script can be left';
/** Of redis.log and of `loglevel`, from the least on. */
const LEVELS = ['debug', 'verbose', 'notice', 'warning'];
/** An error that Lua's own functions found when ours called them: it is the script's. */
const IN_PRELUDE = /^ERR prelude:\d+: /;
const KEPT_BYTES = 256 * 1024 * 1024;

export class Interpreter implements RedisLibraryHost {
  readonly machine = new LuaMachine();
  readonly environment: Environment;
  script: RunningScript | null = null;
  /** Of who uses it: where redis.log writes. */
  services: Services | null = null;
  private thread: Thread = 0;
  private pausedAt: Place | null = null;
  private leaveAtMs = Number.POSITIVE_INFINITY;
  private graceMs = 0;
  private failAtMs = Number.POSITIVE_INFINITY;
  private readonly kind: 'script' | 'function';

  constructor(kind: 'script' | 'function', libraries: (machine: LuaMachine) => Readonly<Record<string, Library>>) {
    this.kind = kind;
    this.environment = new Environment(this.machine, { ...libraries(this.machine), redis: redisLibrary(this, kind) });
    const { machine } = this;
    machine.setHook(
      machine.main,
      machine.wasm.addHook((thread) => this.look(thread)),
      HOOK_INSTRUCTIONS,
    );
  }

  /** It has grown too big to be kept. */
  get isOversized(): boolean {
    return this.machine.wasm.memoryBytes > KEPT_BYTES;
  }

  /** Compiles: a reference for run(), or the error. */
  compile(body: Buffer): number | string {
    const { machine } = this;
    const error = machine.load(machine.main, body, `@user_${this.kind}`);
    return error ?? machine.api.luaL_ref(machine.main, REGISTRY);
  }

  /**
   * Runs the function that the registry has under `reference`. `busyAfterMs`: 0 for no limit. `prepare` puts arguments on the
   * thread's stack and gives their number. A script that has ended waits for finish().
   */
  run(script: RunningScript, reference: number, busyAfterMs: number, prepare: (thread: Thread) => number): Outcome {
    const { api, main } = this.machine;
    this.script = script;
    this.graceMs = busyAfterMs;
    // reading the clock costs more than a short script: its time begins with the first look
    this.leaveAtMs = busyAfterMs === 0 ? Number.POSITIVE_INFINITY : NOT_YET;
    this.thread = api.lua_newthread(main);
    api.lua_rawgeti(this.thread, REGISTRY, reference);
    const args = prepare(this.thread);
    return this.environment.coroutines.start(this.thread, args);
  }

  proceed(): Outcome {
    this.leaveAtMs = performance.now() + SLICE_MS;
    return this.environment.coroutines.proceed();
  }

  /** Writes the reply of a script that has ended. */
  writeReply(outcome: Outcome, reply: Reply): void {
    const { machine, script, thread } = this;
    if (script === null) throw new Error('no script has run');
    if (outcome !== 'done') {
      this.writeError(script, reply);
      return;
    }
    if (machine.api.lua_gettop(thread) === 0) machine.api.lua_pushnil(thread);
    machine.api.lua_settop(thread, 1);
    if (this.isCountedError()) script.caller.markFailed();
    writeValue(machine, thread, reply, script.client.protocol);
  }

  /** The script is over and its reply written. */
  finish(): void {
    this.environment.coroutines.abandon();
    this.script = null;
    this.machine.api.lua_settop(this.machine.main, 0);
  }

  log(message: string, level: string): void {
    const { services } = this;
    if (services === null || LEVELS.indexOf(level) < LEVELS.indexOf(services.config.get('loglevel') ?? '')) return;
    services.node.log(`script (${level}): ${message}`);
  }

  /** Runs work that must not take longer: then what runs fails. */
  within(limitMs: number, work: () => void): void {
    this.failAtMs = performance.now() + limitMs;
    work();
    this.failAtMs = Number.POSITIVE_INFINITY;
  }

  private look(thread: Thread): void {
    const now = performance.now();
    if (now >= this.failAtMs) this.machine.fail(thread, 'FUNCTION LOAD timeout', false);
    if (this.leaveAtMs === NOT_YET) this.leaveAtMs = now + this.graceMs;
    if (now < this.leaveAtMs) return;
    const { coroutines } = this.environment;
    if (!coroutines.mayPause(thread)) {
      // nobody could end it: what has written must not be ended, and the rest had as long again
      if (this.script?.wrote === false && now > this.leaveAtMs + this.graceMs) throw new BrokenMachine(CANNOT_BE_LEFT);
      return;
    }
    // a thread that has yielded does not know its line any more
    this.pausedAt = this.placeIn(thread);
    coroutines.pause(thread);
  }

  private writeError(script: RunningScript, reply: Reply): void {
    const { machine, thread } = this;
    const { api } = machine;
    const place = script.killed ? this.pausedAt : this.placeIn(thread);
    let text: string;
    let counted = true;
    if (script.killed) text = `ERR Script killed by user with ${script.kind.toUpperCase()} KILL.`;
    else if (api.lua_type(thread, -1) === LuaType.table) {
      text = this.field('err') ?? 'ERR unknown error';
      machine.rawField(thread, -1, COUNTED);
      counted = api.lua_toboolean(thread, -1) === 0;
    } else text = `ERR ${this.described()}`;
    if (!counted) script.caller.markFailed();
    if (place === null) {
      reply.error(text, counted);
      return;
    }
    const { line, source } = place;
    text = text.replace(IN_PRELUDE, `ERR ${source.slice(1)}:${line}: `);
    reply.error(`${text} script: ${script.name}, on ${source}:${line}.`, counted);
  }

  /** The value on top of the stack is the error of a command, as redis.pcall gives it. */
  private isCountedError(): boolean {
    const { machine, thread } = this;
    if (machine.api.lua_type(thread, -1) !== LuaType.table || this.field('err') === null) return false;
    machine.rawField(thread, -1, COUNTED);
    const counted = machine.api.lua_toboolean(thread, -1) !== 0;
    machine.pop(thread);
    return counted;
  }

  private field(name: string): string | null {
    const { machine, thread } = this;
    machine.rawField(thread, -1, name);
    const text = machine.view(thread, -1)?.toString() ?? null;
    machine.pop(thread);
    return text;
  }

  /** As tostring() has it. */
  private described(): string {
    const { machine, thread } = this;
    const text = machine.view(thread, -1)?.toString();
    if (text !== undefined) return text;
    const type = machine.api.lua_type(thread, -1);
    if (type === LuaType.nil) return 'nil';
    if (type === LuaType.boolean) return machine.api.lua_toboolean(thread, -1) === 0 ? 'false' : 'true';
    return machine.typeName(thread, -1);
  }

  /** Where the thread has stopped: the function that failed, or the one that called it if it is none of the script's. */
  private placeIn(thread: Thread): Place | null {
    for (let level = 0; ; level++) {
      const place = this.machine.placeAt(thread, level);
      if (place === null) return null;
      if (place.source.startsWith('@')) return place;
    }
  }
}
