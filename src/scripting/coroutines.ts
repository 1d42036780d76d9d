/**
 * Runs Lua so that it can be left in the middle and gone on with later: a script that takes longer than
 * `busy-reply-threshold` gives its thread back to the event loop now and then, which tells everybody else BUSY and hears of
 * SCRIPT KILL.
 *
 * A hook yields the script's thread from between two instructions, which Lua 5.1 allows as long as no call of C lies
 * between it and its resume. So the functions through which scripts call scripts are none here: pcall, xpcall and the
 * coroutines yield to drive(), which starts the callee in a thread of its own and hands its results on. Only functions that
 * C itself calls remain, which are metamethods: while one of them runs, nothing can be left (prelude.ts has the rest in Lua).
 */
import { type CFunction, type LuaMachine, LuaType, Status, type Thread } from './machine.ts';

export type Outcome = 'done' | 'failed' | 'paused';

/** Why a thread has yielded. */
const Request = { pause: 0, call: 1, callWithHandler: 2, resume: 3, yield: 4 } as const;

interface Frame {
  readonly thread: Thread;
  readonly kind: 'script' | 'call' | 'callWithHandler' | 'coroutine';
}

const NO_YIELD = 'attempt to yield across metamethod/C-call boundary';
/** As deep as coroutines may be resumed within metamethods: each takes native stack. */
const NESTED_MAX = 100;

export class Coroutines {
  private readonly machine: LuaMachine;
  private readonly frames: Frame[] = [];
  private request: number = Request.pause;
  /** How many drive() run within functions that C has called. */
  private nested = 0;

  constructor(machine: LuaMachine) {
    this.machine = machine;
  }

  /** The functions of Lua that this replaces. */
  get functions(): Readonly<Record<string, CFunction>> {
    return {
      pcall: (thread) => this.protectedCall(thread),
      xpcall: (thread) => this.callWithHandler(thread),
      'coroutine.create': (thread) => this.create(thread),
      'coroutine.resume': (thread) => this.resume(thread),
      'coroutine.running': (thread) => this.running(thread),
      'coroutine.status': (thread) => this.status(thread),
      'coroutine.yield': (thread) => this.yield(thread),
    };
  }

  /** Runs what stands on the thread's stack: a function and so many arguments. */
  start(thread: Thread, args: number): Outcome {
    this.frames.length = 0;
    this.nested = 0;
    this.frames.push({ thread, kind: 'script' });
    return this.drive(0, args) as Outcome;
  }

  /** Goes on after a pause. */
  proceed(): Outcome {
    return this.drive(0, 0) as Outcome;
  }

  /** Forgets what was paused: it never goes on. */
  abandon(): void {
    this.frames.length = 0;
  }

  /** For the hook: true if the script can be left here. pause() then leaves it. */
  mayPause(thread: Thread): boolean {
    return this.nested === 0 && this.frames.length > 0 && this.machine.mayYield(thread);
  }

  pause(thread: Thread): void {
    this.request = Request.pause;
    this.machine.api.lua_yield(thread, 0);
  }

  /** Runs the frames above `base` until the lowest of them ends, yields, or all are paused. */
  private drive(base: number, given: number): Outcome | 'yielded' {
    const { frames, machine } = this;
    let args = given;
    for (;;) {
      const depth = frames.length;
      const { nested } = this;
      const frame = frames[depth - 1];
      const status = machine.api.lua_resume(frame.thread, args);
      // an error may have left nested ones behind
      frames.length = depth;
      this.nested = nested;
      const isLast = depth === base + 1;
      if (status === Status.yield) {
        const { request } = this;
        this.request = Request.pause;
        if (request === Request.pause) return 'paused';
        if (request === Request.yield && isLast) return 'yielded';
        args = this.serve(request, frame);
      } else {
        if (isLast) return status === Status.ok ? 'done' : 'failed';
        frames.pop();
        args = this.deliver(frame, status, frames[depth - 2].thread);
      }
    }
  }

  /** Does what a thread has yielded for; gives the number of arguments for the thread that is on top then. */
  private serve(request: number, { thread }: Frame): number {
    const { api } = this.machine;
    const { frames } = this;
    if (request === Request.yield) {
      frames.pop();
      return this.deliver({ thread, kind: 'coroutine' }, Status.ok, frames[frames.length - 1].thread);
    }
    if (request === Request.resume) {
      const coroutine = api.lua_tothread(thread, 1);
      const args = api.lua_gettop(thread) - 1;
      this.move(thread, coroutine, args);
      frames.push({ thread: coroutine, kind: 'coroutine' });
      return args;
    }
    const callee = api.lua_newthread(thread);
    if (request === Request.call) {
      // the thread lies below, so that it lives as long as the call
      api.lua_insert(thread, 1);
      const values = api.lua_gettop(thread) - 1;
      this.move(thread, callee, values);
      frames.push({ thread: callee, kind: 'call' });
      return values - 1;
    }
    api.lua_pushvalue(thread, 1);
    api.lua_xmove(thread, callee, 1);
    frames.push({ thread: callee, kind: 'callWithHandler' });
    return 0;
  }

  /** What a thread has come to, as the results of the call that its caller waits in. */
  private deliver({ thread, kind }: Frame, status: number, caller: Thread): number {
    const { api } = this.machine;
    if (status === Status.ok) {
      const results = api.lua_gettop(thread);
      api.lua_checkstack(caller, 1);
      api.lua_pushboolean(caller, 1);
      this.move(thread, caller, results);
      return results + 1;
    }
    api.lua_checkstack(caller, 3);
    if (kind === 'callWithHandler') this.handle(thread, caller);
    else api.lua_xmove(thread, caller, 1);
    if (kind === 'call') this.takeText(caller);
    api.lua_pushboolean(caller, 0);
    api.lua_insert(caller, -2);
    return 2;
  }

  /** xpcall: the handler, second on the caller's stack, is given the error. */
  private handle(thread: Thread, caller: Thread): void {
    const { api } = this.machine;
    api.lua_pushvalue(caller, 2);
    api.lua_xmove(thread, caller, 1);
    if (api.lua_pcall(caller, 1, 1, 0) === Status.ok) return;
    this.machine.pop(caller);
    this.machine.pushText(caller, 'error in error handling');
  }

  /** Of an error that is a table, as those of commands are, pcall gives the text, as before Redis 7. */
  private takeText(thread: Thread): void {
    const { api } = this.machine;
    if (api.lua_type(thread, -1) !== LuaType.table) return;
    api.lua_checkstack(thread, 2);
    this.machine.rawField(thread, -1, 'err');
    if (api.lua_isstring(thread, -1) !== 0) api.lua_replace(thread, -2);
    else this.machine.pop(thread);
  }

  private move(from: Thread, to: Thread, count: number): void {
    this.machine.api.lua_checkstack(to, count + 1);
    this.machine.api.lua_xmove(from, to, count);
  }

  // --- what scripts call

  private protectedCall(thread: Thread): number {
    const { api } = this.machine;
    const values = api.lua_gettop(thread);
    if (values === 0) this.machine.failArgument(thread, 1, 'pcall', 'value expected');
    if (this.leave(thread, Request.call)) return api.lua_yield(thread, values);
    const status = api.lua_pcall(thread, values - 1, -1, 0);
    if (status !== Status.ok) this.takeText(thread);
    api.lua_pushboolean(thread, status === Status.ok ? 1 : 0);
    api.lua_insert(thread, 1);
    return api.lua_gettop(thread);
  }

  private callWithHandler(thread: Thread): number {
    const { api } = this.machine;
    if (api.lua_gettop(thread) < 2) this.machine.failArgument(thread, 2, 'xpcall', 'value expected');
    api.lua_settop(thread, 2);
    if (this.leave(thread, Request.callWithHandler)) return api.lua_yield(thread, 2);
    api.lua_insert(thread, 1);
    const status = api.lua_pcall(thread, 0, -1, 1);
    api.lua_pushboolean(thread, status === Status.ok ? 1 : 0);
    api.lua_replace(thread, 1);
    return api.lua_gettop(thread);
  }

  private create(thread: Thread): number {
    const { api } = this.machine;
    if (api.lua_type(thread, 1) !== LuaType.function || api.lua_iscfunction(thread, 1) !== 0)
      this.machine.failArgument(thread, 1, 'create', 'Lua function expected');
    const coroutine = api.lua_newthread(thread);
    api.lua_pushvalue(thread, 1);
    api.lua_xmove(thread, coroutine, 1);
    return 1;
  }

  private resume(thread: Thread): number {
    const { api } = this.machine;
    const coroutine = this.coroutineArgument(thread, 'resume');
    const state = this.stateOf(coroutine);
    if (state !== 'suspended') {
      api.lua_pushboolean(thread, 0);
      this.machine.pushText(thread, `cannot resume ${state} coroutine`);
      return 2;
    }
    const args = api.lua_gettop(thread) - 1;
    if (api.lua_checkstack(coroutine, args + 1) === 0) this.machine.fail(thread, 'too many arguments to resume');
    if (this.leave(thread, Request.resume)) return api.lua_yield(thread, args + 1);
    if (this.nested >= NESTED_MAX) this.machine.fail(thread, 'C stack overflow');
    this.move(thread, coroutine, args);
    this.frames.push({ thread: coroutine, kind: 'coroutine' });
    this.nested++;
    const outcome = this.drive(this.frames.length - 1, args);
    this.nested--;
    this.frames.pop();
    return this.deliver(
      { thread: coroutine, kind: 'coroutine' },
      outcome === 'failed' ? Status.error : Status.ok,
      thread,
    );
  }

  private yield(thread: Thread): number {
    const { api, frames, machine } = { api: this.machine.api, frames: this.frames, machine: this.machine };
    const top = frames[frames.length - 1];
    if (top === undefined || top.kind !== 'coroutine' || top.thread !== thread || !machine.mayYield(thread))
      machine.fail(thread, NO_YIELD, false);
    this.request = Request.yield;
    return api.lua_yield(thread, api.lua_gettop(thread));
  }

  private running(thread: Thread): number {
    const { api } = this.machine;
    for (let i = this.frames.length - 1; i >= 0; i--) {
      const { kind, thread: coroutine } = this.frames[i];
      if (kind !== 'coroutine') continue;
      api.lua_checkstack(coroutine, 1);
      api.lua_pushthread(coroutine);
      if (coroutine !== thread) api.lua_xmove(coroutine, thread, 1);
      return 1;
    }
    api.lua_pushnil(thread);
    return 1;
  }

  private status(thread: Thread): number {
    this.machine.pushText(thread, this.stateOf(this.coroutineArgument(thread, 'status')));
    return 1;
  }

  private stateOf(coroutine: Thread): 'running' | 'suspended' | 'normal' | 'dead' {
    const { api } = this.machine;
    const active = this.frames.filter(({ kind }) => kind === 'coroutine');
    if (active.some(({ thread }) => thread === coroutine))
      return active[active.length - 1].thread === coroutine ? 'running' : 'normal';
    const status = api.lua_status(coroutine);
    if (status === Status.yield) return 'suspended';
    // one that has not begun has its function on its stack
    return status === Status.ok && api.lua_gettop(coroutine) > 0 ? 'suspended' : 'dead';
  }

  private coroutineArgument(thread: Thread, name: string): Thread {
    const coroutine = this.machine.api.lua_tothread(thread, 1);
    if (coroutine === 0) this.machine.failArgument(thread, 1, name, 'coroutine expected');
    return coroutine;
  }

  /** True if the call can be left to drive(). */
  private leave(thread: Thread, request: number): boolean {
    if (this.frames.length === 0 || !this.machine.mayYield(thread)) return false;
    this.request = request;
    return true;
  }
}
