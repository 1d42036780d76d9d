/**
 * One client's conversation: input bytes in, requests dispatched, replies out, one write per chunk of input. It
 * speaks to a Transport, not to a socket, so that tests run it in one process. The hot path of a pipelined chunk
 * allocates nothing per command.
 */
import type { Blocked, Client, QueuedCommand } from '../commands/client.ts';
import { CommandCall, type Dispatcher, Outcome } from '../commands/dispatch.ts';
import type { Reply } from '../commands/reply.ts';
import type { Services } from '../commands/services.ts';
import { unwatchAll } from '../commands/transactions.ts';
import type { Engine, Watch } from '../core/contract.ts';
import { Parsed, RequestParser } from './parser.ts';
import { ReplyWriter } from './reply-writer.ts';

export interface Transport {
  readonly address: string;
  readonly localAddress: string;
  /** True if the bytes have gone and their buffer may be used again. */
  write(bytes: Buffer): boolean;
  /** Closes after what was written has gone. */
  end(): void;
  destroy(): void;
  readonly pendingBytes: number;
}

export class Session implements Client {
  readonly id: number;
  readonly createdAtMs: number;
  lastCommandAtMs: number;
  lastCommand = 'NULL';
  name = '';
  libraryName = '';
  libraryVersion = '';
  database = 0;
  user = 'default';
  multi: { readonly queue: QueuedCommand[]; dirty: boolean } | null = null;
  readonly watches: { database: number; key: Buffer; watch: Watch }[] = [];
  noEvict = false;
  noTouch = false;
  replyMode: Client['replyMode'] = 'on';
  closeAfterReply = false;
  commandsProcessed = 0;
  closed = false;
  /** Called once, when the session is over. */
  onClose: () => void = () => {};
  /** CLIENT PAUSE: asks whether this client may run its next command now. */
  mayRun: () => boolean = () => true;

  private readonly engine: Engine;
  private readonly services: Services;
  private readonly dispatcher: Dispatcher;
  private readonly transport: Transport;
  private readonly parser = new RequestParser();
  private readonly out = new ReplyWriter();
  private readonly call: CommandCall;
  private pending: Buffer = EMPTY;
  private pendingEnd = 0;
  private waiting: { abandoned: boolean } | null = null;
  private holding = false;
  private running = false;

  constructor(id: number, engine: Engine, services: Services, dispatcher: Dispatcher, transport: Transport) {
    this.id = id;
    this.engine = engine;
    this.services = services;
    this.dispatcher = dispatcher;
    this.transport = transport;
    this.createdAtMs = Date.now();
    this.lastCommandAtMs = this.createdAtMs;
    this.authenticated = services.config.limits.requirePassword === '';
    this.call = new CommandCall(this, engine, this.out, services);
    this.out.onError = (text) => this.countError(text);
  }

  get address(): string {
    return this.transport.address;
  }

  get localAddress(): string {
    return this.transport.localAddress;
  }

  get protocol(): 2 | 3 {
    return this.out.protocol === 3 ? 3 : 2;
  }

  set protocol(protocol: 2 | 3) {
    this.out.protocol = protocol;
  }

  get authenticated(): boolean {
    return this.parser.authenticated;
  }

  set authenticated(value: boolean) {
    this.parser.authenticated = value;
  }

  get queryBytes(): number {
    return this.pendingEnd;
  }

  get outputBytes(): number {
    return this.transport.pendingBytes + this.out.at;
  }

  /** Takes a chunk of input. `chunk` is not kept. */
  receive(chunk: Buffer): void {
    this.services.statistics.inputBytes += chunk.length;
    if (this.pendingEnd === 0 && !this.stopped) {
      this.process(chunk, chunk.length);
      return;
    }
    this.append(chunk);
    if (!this.stopped) this.process(this.pending, this.pendingEnd);
  }

  /** Goes on with input that is here already: after a pause, a blocked command, a held reply. */
  proceed(): void {
    if (!this.stopped && !this.closed && this.pendingEnd > 0) this.process(this.pending, this.pendingEnd);
  }

  private get stopped(): boolean {
    return this.waiting !== null || this.holding || this.running;
  }

  private process(bytes: Buffer, end: number): void {
    const { parser, call, engine, dispatcher } = this;
    const now = Date.now();
    engine.setNow(now);
    this.lastCommandAtMs = now;
    dispatcher.since = this.services.monotonicMicros();
    parser.bulkLengthMax = this.services.config.limits.protoMaxBulkLength;
    this.running = true;
    let wrote = false;
    while (this.waiting === null && !this.closed && !this.closeAfterReply && this.mayRun()) {
      const parsed = parser.parse(bytes, end);
      if (parsed === Parsed.more) break;
      if (parsed === Parsed.error) {
        this.out.error(`ERR Protocol error: ${parser.error}`);
        this.closeAfterReply = true;
        break;
      }
      call.args = parser.args;
      call.argc = parser.argc;
      this.commandsProcessed++;
      if (this.replyMode === 'on') {
        const outcome = dispatcher.dispatch(call);
        if (outcome === Outcome.wrote) wrote = true;
        else if (outcome === Outcome.abort) this.kill();
        if (this.out.at > FLUSH_BYTES && !this.services.store.holdsReplies) this.flush(false);
      } else if (this.dispatchMuted() === Outcome.wrote) wrote = true;
    }
    this.running = false;
    this.keepRest(bytes, end);
    this.flush(wrote);
  }

  /** CLIENT REPLY OFF and SKIP: the reply is written and withdrawn at once. */
  private dispatchMuted(): Outcome {
    const { replyMode } = this;
    const mark = this.out.mark();
    const outcome = this.dispatcher.dispatch(this.call);
    // CLIENT REPLY ON answers; whatever was silenced does not
    if (replyMode !== 'off' || this.replyMode !== 'on') this.out.rewind(mark);
    if (replyMode === 'skip-this') this.replyMode = 'on';
    else if (replyMode === 'skip-next') this.replyMode = 'skip-this';
    return outcome;
  }

  private append(chunk: Buffer): void {
    const needed = this.pendingEnd + chunk.length;
    if (needed > this.pending.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.pending.length * 2));
      this.pending.copy(grown, 0, 0, this.pendingEnd);
      this.pending = grown;
    }
    chunk.copy(this.pending, this.pendingEnd);
    this.pendingEnd = needed;
  }

  /** Moves what was not used up to the front of the pending buffer. */
  private keepRest(bytes: Buffer, end: number): void {
    const { parser } = this;
    const from = parser.keepFrom;
    const rest = end - from;
    if (rest <= 0) {
      this.pendingEnd = 0;
      if (this.pending.length > PENDING_KEPT_BYTES) this.pending = EMPTY;
    } else if (bytes !== this.pending || from > 0) {
      if (rest > this.pending.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(rest, PENDING_MIN_BYTES));
        bytes.copy(grown, 0, from, end);
        this.pending = grown;
      } else bytes.copy(this.pending, 0, from, end);
      this.pendingEnd = rest;
    }
    parser.shift(from);
  }

  private flush(wrote: boolean): void {
    const { out, services } = this;
    if (this.closed) return;
    if (wrote && services.store.holdsReplies) {
      this.hold();
      return;
    }
    if (out.at > 0) {
      services.statistics.outputBytes += out.at;
      if (this.transport.write(out.bytes.subarray(0, out.at))) out.clear();
      else out.detach();
    }
    if (this.closeAfterReply && this.waiting === null) this.finish();
  }

  /** appendfsync always: what was written must be on disk before the client hears of it. */
  private hold(): void {
    const { out } = this;
    const bytes = out.bytes.subarray(0, out.at);
    out.detach();
    this.holding = true;
    this.services.store.whenDurable((failed) => {
      this.holding = false;
      if (this.closed) return;
      if (failed) {
        this.transport.write(Buffer.from('-MISCONF the write could not be made durable; whether it took effect must be read again\r\n'));
        this.finish();
        return;
      }
      this.services.statistics.outputBytes += bytes.length;
      if (bytes.length > 0) this.transport.write(bytes);
      if (this.closeAfterReply) this.finish();
      else this.proceed();
    });
  }

  block(): Blocked {
    const token = { abandoned: false };
    this.waiting = token;
    const session = this;
    return {
      get abandoned() {
        return token.abandoned;
      },
      resume(write: (reply: Reply) => void) {
        if (token.abandoned || session.waiting !== token) return;
        session.waiting = null;
        write(session.out);
        if (session.running) return;
        session.flush(false);
        session.proceed();
      },
    };
  }

  kill(): void {
    if (this.running) {
      this.closeAfterReply = true;
      return;
    }
    this.transport.destroy();
    this.over();
  }

  /** The other side has gone, or the server stops. */
  over(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.waiting !== null) this.waiting.abandoned = true;
    this.waiting = null;
    unwatchAll(this, (watch) => this.engine.unwatch(watch));
    this.onClose();
  }

  private finish(): void {
    this.transport.end();
    this.over();
  }

  private countError(text: string): void {
    const { statistics } = this.services;
    const space = text.indexOf(' ');
    const prefix = space < 0 ? text : text.slice(0, space);
    statistics.errorReplies++;
    statistics.errors.set(prefix, (statistics.errors.get(prefix) ?? 0) + 1);
    const counters = statistics.commandCalls.get(this.lastCommand);
    if (counters !== undefined) counters.failed++;
  }
}

const EMPTY = Buffer.alloc(0);
/** Replies are sent on when so much has gathered within one chunk. */
const FLUSH_BYTES = 1 << 20;
const PENDING_MIN_BYTES = 4096;
const PENDING_KEPT_BYTES = 1 << 20;
