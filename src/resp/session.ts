/**
 * One client's conversation: input bytes in, requests dispatched, replies out, one write per chunk of input. It
 * speaks to a Transport, not to a socket, so that tests run it in one process. The hot path of a pipelined chunk
 * allocates nothing per command.
 */
import { isUnknown } from '../commands/acl/authentication.ts';
import type { Blocked, Client } from '../commands/client.ts';
import { CommandCall, type Dispatcher, Outcome } from '../commands/dispatch.ts';
import { unsubscribeAll } from '../commands/pubsub.ts';
import type { Reply } from '../commands/reply.ts';
import type { Services } from '../commands/services.ts';
import { unwatchAll } from '../commands/transaction-state.ts';
import type { Engine } from '../core/contract.ts';
import { ClientState } from './client-state.ts';
import { InputBuffer } from './input-buffer.ts';
import {
  FLUSH_BYTES,
  FREE_REPLY_BYTES,
  READ_AHEAD_BYTES_MAX,
  UNREAD_BYTES_MAX,
  UNREAD_UNTRUSTED_BYTES_MAX,
} from './limits.ts';
import type { Outbox } from './outbox.ts';
import { OutputLimit } from './output-limit.ts';
import { Parsed, RequestParser } from './parser.ts';
import { ReplyWriter } from './reply-writer.ts';
import type { Transport } from './transport.ts';

export interface SessionOptions {
  readonly id: number;
  readonly engine: Engine;
  readonly services: Services;
  readonly dispatcher: Dispatcher;
  readonly transport: Transport;
  readonly outbox: Outbox;
  /** One line about a client that was cut off. */
  warn(message: string): void;
}

/** Why no further command of this client runs for now; bits of Session.stops. */
const Stop = {
  /** In the middle of a command. */
  running: 1,
  /** A command answers later. */
  blocked: 2,
  /** Replies wait for the disk. */
  holding: 4,
  /** CLIENT PAUSE. */
  postponed: 8,
  /** The client does not read its replies. */
  congested: 16,
  closing: 32,
} as const;

const NOT_DURABLE =
  '-MISCONF the write could not be made durable: whether it took effect is not known until it is read again\r\n';
const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK';

interface Waiting {
  abandoned: boolean;
  readonly onUnblock: ((reply: Reply) => void) | null;
  readonly onAbandoned: () => void;
}

export class Session extends ClientState implements Client {
  /** Called once, when the session is over. */
  onClose: () => void = () => {};
  /** Called when it may take more memory than before; `atOnce`: not in the middle of anything. */
  onWeight: (atOnce?: boolean) => void = () => {};

  private readonly engine: Engine;
  private readonly services: Services;
  private readonly dispatcher: Dispatcher;
  private readonly transport: Transport;
  private readonly outbox: Outbox;
  private readonly warn: (message: string) => void;
  private readonly parser = new RequestParser();
  private readonly out = new ReplyWriter();
  private readonly call: CommandCall;
  private readonly input = new InputBuffer();
  private stops = 0;
  private closed = false;
  private readingPaused = false;
  /** The client has half-closed. */
  private inputOver = false;
  private waiting: Waiting | null = null;
  /** Where in `out` the replies of this chunk begin that wait for the disk; −1: none. */
  private holdFrom = -1;
  /** The outbox will call send(). */
  private queued = false;
  /** Size of the input that is being run; 0 between chunks. */
  private chunkBytes = 0;
  /** Messages that came in the middle of a command, or while its reply waits for the disk: they follow the reply. */
  private readonly pushes: ((reply: Reply) => void)[] = [];
  private readonly outputLimit: OutputLimit;

  constructor({ id, engine, services, dispatcher, transport, outbox, warn }: SessionOptions) {
    super(id, dispatcher.acl.users.default, dispatcher.acl.users.open);
    this.engine = engine;
    this.services = services;
    this.dispatcher = dispatcher;
    this.transport = transport;
    this.outbox = outbox;
    this.warn = warn;
    this.outputLimit = new OutputLimit(services.config);
    this.call = new CommandCall(dispatcher, this, engine, this.out, services);
    this.out.onError = (text) => services.statistics.countError(text);
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

  get queryBytes(): number {
    if (this.chunkBytes > 0) return this.chunkBytes;
    return this.input.length === 0 ? 0 : this.input.end - this.parser.at;
  }

  get argumentBytes(): number {
    return this.chunkBytes > 0 ? 0 : this.input.length - this.queryBytes;
  }

  get queryFreeBytes(): number {
    return this.input.bytes.length - this.input.length;
  }

  /** Without the replies of this turn, which the client may take at once. */
  get outputBytes(): number {
    return this.transport.pendingBytes;
  }

  get blocked(): boolean {
    return this.waiting !== null || (this.stops & Stop.postponed) !== 0;
  }

  get closeAfterReply(): boolean {
    return (this.stops & Stop.closing) !== 0;
  }

  set closeAfterReply(close: boolean) {
    if (close) this.stops |= Stop.closing;
  }

  /** Takes chunk[0..end) of input. The bytes are not kept. */
  receive(chunk: Buffer, end: number = chunk.length): void {
    this.services.statistics.inputBytes += end;
    this.services.statistics.reads++;
    if (this.closed || this.closeAfterReply) return;
    const { input, parser } = this;
    if (input.length === 0 && this.stops === 0) this.process(chunk, end);
    else {
      const wanted = parser.wantsUpTo - input.start;
      parser.shift(input.append(chunk, 0, end, wanted));
      this.onWeight(true);
      if (this.closed) return;
      if (this.stops === 0) this.process(input.bytes, input.end);
      else if (input.length > READ_AHEAD_BYTES_MAX) this.pauseReading();
    }
    if (input.length > 0) this.checkUnfinished();
    this.onWeight();
  }

  private checkUnfinished(): void {
    const { queryBytesMax } = this.services.config.limits;
    if (this.closed || this.input.length <= queryBytesMax) return;
    this.services.statistics.queryLimitDisconnections++;
    this.warn(`closing client ${this.address}: its requests take more than ${queryBytesMax} bytes`);
    this.kill();
  }

  /** Goes on with input that is here already, after whatever stopped it. Not within another client's command. */
  proceed(): void {
    if (this.stops === 0 && this.input.length > 0) this.process(this.input.bytes, this.input.end);
    if (this.inputOver) this.endInput();
    else if (this.stops === 0 && this.readingPaused) {
      this.readingPaused = false;
      this.transport.resumeReading();
    }
  }

  /** CLIENT PAUSE is over. */
  unpause(): void {
    if ((this.stops & Stop.postponed) === 0) return;
    this.stops &= ~Stop.postponed;
    this.proceed();
  }

  /** All that was written has gone. */
  drained(): void {
    if ((this.stops & Stop.congested) === 0) return;
    this.stops &= ~Stop.congested;
    this.proceed();
  }

  /** The client sends no more. What it has asked is answered still, unless the answer is long in coming. */
  inputEnded(): void {
    this.inputOver = true;
    this.endInput();
  }

  private endInput(): void {
    if (this.closed) return;
    if (this.stops === 0) this.finish();
    else if ((this.stops & (Stop.blocked | Stop.postponed)) !== 0) this.kill();
  }

  private process(bytes: Buffer, end: number): void {
    const { parser, call, engine, dispatcher } = this;
    const { limits } = this.services.config;
    const now = Date.now();
    engine.setNow(now);
    this.lastCommandAtMs = now;
    parser.bulkLengthMax = limits.protoMaxBulkLength;
    this.limitReplies();
    dispatcher.times.start();
    const before = this.commandsProcessed;
    this.chunkBytes = bytes === this.input.bytes ? this.input.length : end;
    while (this.stops === 0) {
      parser.trusted = !isUnknown(this, dispatcher.acl.users);
      const parsed = parser.parse(bytes, end);
      if (parsed !== Parsed.request) {
        if (parsed === Parsed.error) this.refuseProtocol(parser.error);
        break;
      }
      call.args = parser.args;
      call.argc = parser.argc;
      this.commandsProcessed++;
      this.runOne();
    }
    // of an unfinished request the arguments stand where the last one's were
    if (this.commandsProcessed !== before) dispatcher.times.end(parser.keepFrom === parser.at ? call : null);
    this.chunkBytes = 0;
    // what comes to be written between chunks is judged by what is unread
    this.out.limit = Number.POSITIVE_INFINITY;
    this.keepRest(bytes, end);
    this.flush();
  }

  /** Replies of a chunk count as unread: they are written when it is used up. */
  private limitReplies(): void {
    const { normalOutputBytesMax, pubsubOutputBytesMax } = this.services.config.limits;
    const hardBytes = this.subscribed > 0 ? pubsubOutputBytesMax : normalOutputBytesMax;
    this.out.limit =
      hardBytes === 0 ? Number.POSITIVE_INFINITY : Math.max(FREE_REPLY_BYTES, hardBytes - this.transport.pendingBytes);
  }

  private runOne(): void {
    const { out } = this;
    const mark = out.mark();
    const mode = this.replyMode;
    this.stops |= Stop.running;
    if (this.services.config.limits.maxMemoryBytes > 0) this.makeRoom();
    const outcome = this.dispatcher.dispatch(this.call);
    this.stops &= ~Stop.running;
    out.mayStop = false;
    if (out.isLimited && out.isOverLimit) {
      this.cutOff(out.limit);
      return;
    }
    if (outcome === Outcome.postponed) {
      this.postpone();
      return;
    }
    if (mode !== 'on' || this.replyMode !== 'on') this.silence(mode, mark);
    if (outcome === Outcome.wrote) {
      if (this.holdFrom < 0) this.holdFrom = mark;
    } else if (outcome === Outcome.abort) this.abort();
    if (this.pushes.length > 0) this.writePushes();
    if (out.at > FLUSH_BYTES && (this.holdFrom < 0 || !this.services.store.holdsReplies)) this.send();
  }

  /** Whatever that makes others, and this client, hear of comes before the reply. */
  private makeRoom(): void {
    this.services.eviction.makeRoom();
    if (this.pushes.length > 0) this.writePushes();
  }

  /** CLIENT REPLY OFF and SKIP: the reply has been written, and is withdrawn. */
  private silence(before: Client['replyMode'], mark: number): void {
    // what SUBSCRIBE and its kin write is no reply, but pushed, as messages are
    const pushed = this.call.command.name.endsWith('subscribe');
    // CLIENT REPLY ON and RESET answer
    if (before !== 'on' && this.replyMode !== 'on' && !pushed) this.out.rewind(mark);
    if (this.replyMode === 'skip-next') this.replyMode = 'skip-this';
    else if (this.replyMode === 'skip-this') this.replyMode = 'on';
  }

  private postpone(): void {
    this.parser.unread();
    this.commandsProcessed--;
    this.stops |= Stop.postponed;
  }

  private abort(): void {
    this.warn(
      `client ${this.address} sent POST or Host: as a command: an HTTP client, or an attack; its connection is cut`,
    );
    this.closeAfterReply = true;
  }

  private refuseProtocol(error: string): void {
    this.out.error(`ERR Protocol error: ${error}`);
    this.closeAfterReply = true;
  }

  private keepRest(bytes: Buffer, end: number): void {
    const { parser, input } = this;
    const from = parser.keepFrom;
    if (bytes === input.bytes) {
      input.dropTo(from);
      if (input.length === 0) parser.shift(from);
    } else {
      const wanted = parser.wantsUpTo - from;
      if (from < end) input.append(bytes, from, end, wanted);
      parser.shift(from);
    }
  }

  /** At the end of a chunk: sends the replies, or lets them wait for the disk. */
  private flush(): void {
    const { out } = this;
    if (this.closed || (this.stops & Stop.holding) !== 0) return;
    if (this.holdFrom >= 0 && this.services.store.holdsReplies) {
      this.hold(this.holdFrom);
      return;
    }
    this.holdFrom = -1;
    if (this.closeAfterReply && this.waiting === null) this.finish();
    else if (out.at > 0 && !this.queued) {
      this.queued = true;
      this.outbox.add(this);
    }
  }

  /** Writes the replies that are ready: by the outbox, at the end of a turn of the event loop. */
  send(): void {
    const { out, transport, services } = this;
    this.queued = false;
    if (out.at === 0 || this.closed || (this.stops & Stop.holding) !== 0) return;
    services.statistics.outputBytes += out.at;
    services.statistics.writes++;
    if (transport.pendingBytes > 0) {
      // it will be queued: what is queued takes no more memory than it has bytes
      transport.write(Buffer.from(out.filled()));
      out.release();
    } else if (transport.write(out.filled())) out.release();
    else out.detach();
    if (transport.pendingBytes > 0) {
      this.checkUnread();
      this.onWeight();
    }
  }

  /** Cuts the client off if it leaves more unread than it may. */
  checkUnread(): void {
    const { pendingBytes } = this.transport;
    if (this.outputLimit.isPassed(pendingBytes, this.subscribed > 0 ? 'pubsub' : 'normal')) {
      this.cutOff(pendingBytes);
    } else if (pendingBytes > (this.parser.trusted ? UNREAD_BYTES_MAX : UNREAD_UNTRUSTED_BYTES_MAX)) {
      this.stops |= Stop.congested;
      this.pauseReading();
    }
  }

  private cutOff(bytes: number): void {
    this.services.statistics.outputLimitDisconnections++;
    this.warn(`closing client ${this.address}: ${bytes} bytes of replies are unread (client-output-buffer-limit)`);
    this.transport.destroy();
    this.over();
  }

  private pauseReading(): void {
    if (this.readingPaused) return;
    this.readingPaused = true;
    this.transport.pauseReading();
  }

  /** appendfsync always: what was written must be on disk before the client hears of it. */
  private hold(from: number): void {
    const { out } = this;
    const held = Buffer.from(out.filled());
    out.release();
    this.holdFrom = -1;
    this.stops |= Stop.holding;
    this.services.store.whenDurable((failed) => {
      this.stops &= ~Stop.holding;
      if (this.closed) return;
      if (failed) {
        this.transport.write(Buffer.concat([held.subarray(0, from), Buffer.from(NOT_DURABLE)]));
        this.finish();
        return;
      }
      this.services.statistics.outputBytes += held.length;
      if (held.length > 0) this.transport.write(held);
      this.writePushes();
      this.flush();
      this.proceed();
    });
  }

  /** A message for a channel or pattern that this client listens to: a push in RESP3, an array in RESP2. */
  deliver(kind: 'channel' | 'shard', channel: Uint8Array, message: Uint8Array, pattern: Uint8Array | null): void {
    if (!this.mayPush) {
      const [ownChannel, ownMessage] = [Buffer.from(channel), Buffer.from(message)];
      this.pushes.push((reply) => writeMessage(reply, kind, ownChannel, ownMessage, pattern));
    } else this.push((reply) => writeMessage(reply, kind, channel, message, pattern));
  }

  push(write: (reply: Reply) => void): void {
    if (this.closed) return;
    if (!this.mayPush) {
      this.pushes.push(write);
      return;
    }
    write(this.out);
    this.flush();
    this.onWeight();
  }

  private get mayPush(): boolean {
    return (this.stops & (Stop.running | Stop.holding)) === 0;
  }

  private writePushes(): void {
    for (const write of this.pushes.splice(0)) write(this.out);
  }

  block(onUnblock?: (reply: Reply) => void, onAbandoned: () => void = () => {}): Blocked {
    if (!this.mayBlock || this.waiting !== null) throw new Error(`${this.call.command.name} must not wait here`);
    const token: Waiting = { abandoned: false, onUnblock: onUnblock ?? null, onAbandoned };
    this.waiting = token;
    this.stops |= Stop.blocked;
    return {
      get abandoned() {
        return token.abandoned;
      },
      resume: (write, wrote = false) => this.resume(token, write, wrote),
    };
  }

  unblock(withError: boolean): boolean {
    const { waiting } = this;
    if (waiting === null || waiting.onUnblock === null) return false;
    this.resume(waiting, withError ? (reply) => reply.error(UNBLOCKED) : waiting.onUnblock, false);
    if (withError) this.dispatcher.failWaiting(this.lastCommand);
    waiting.abandoned = true;
    waiting.onAbandoned();
    return true;
  }

  private resume(token: Waiting, write: (reply: Reply) => void, wrote: boolean): void {
    if (token.abandoned || this.waiting !== token) return;
    this.waiting = null;
    this.stops &= ~Stop.blocked;
    const mark = this.out.mark();
    write(this.out);
    if (this.replyMode === 'off') this.out.rewind(mark);
    if (wrote && this.holdFrom < 0) this.holdFrom = mark;
    if ((this.stops & Stop.running) !== 0) return;
    this.flush();
    // whoever resumes may stand within another client's command
    if (this.input.length > 0 || this.readingPaused) setImmediate(() => this.proceed());
  }

  kill(): void {
    if ((this.stops & Stop.running) !== 0) {
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
    this.stops |= Stop.closing;
    const { waiting } = this;
    if (waiting !== null) waiting.abandoned = true;
    this.waiting = null;
    waiting?.onAbandoned();
    this.out.release();
    unwatchAll(this, this.engine);
    unsubscribeAll(this, this.services.pubsub);
    this.services.monitors.remove(this);
    this.services.changes.tracking.disable(this);
    this.onClose();
  }

  private finish(): void {
    this.send();
    this.transport.end();
    this.over();
  }
}

function writeMessage(
  reply: Reply,
  kind: 'channel' | 'shard',
  channel: Uint8Array,
  message: Uint8Array,
  pattern: Uint8Array | null,
): void {
  reply.push(pattern === null ? 3 : 4);
  reply.bulkText(pattern !== null ? 'pmessage' : kind === 'shard' ? 'smessage' : 'message');
  if (pattern !== null) reply.bulkBytes(pattern);
  reply.bulkBytes(channel);
  reply.bulkBytes(message);
}
