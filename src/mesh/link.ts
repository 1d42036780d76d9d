/**
 * A link: the one sync stream to a connected peer. It cuts and writes frames, keeps credit (the receiver grants
 * bytes, the sender never has more bulk in flight than granted), measures round trips, and notices silence.
 * What the frames mean is sync.ts's business.
 */
import { type Compression, LinkCompression } from './compression.ts';
import type { Bulk } from './frames.ts';
import { decodeMap, encodeBulk, encodeMap, FrameError, FrameReader, FrameType, isBulk, numberField } from './frames.ts';
import { unpackBulk } from './packed-bulk.ts';
import { closeOrAbort, type MeshConnection, type MeshStream } from './transport.ts';
import { tellRoomSeldom } from './window-updates.ts';

/** Bulk bytes that a peer may have in flight to us. */
const CREDIT_BYTES = 4 * 1024 * 1024;
/** Granted anew when so much has been taken in. */
const CREDIT_STEP_BYTES = 1024 * 1024;
/** Answers and vectors that a peer may leave unread; more waits only for one that asks and never reads. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;

export class Link {
  readonly peerId: string;
  readonly connection: MeshConnection;
  rttMs = Number.POSITIVE_INFINITY;
  /** By the monotonic clock: the wall clock may jump, and silence is no matter of the time of day. */
  lastHeardMs = performance.now();
  /** When the last ping was sent that it has answered: then it was there, whatever has only been read since. */
  answeredMs = Number.NEGATIVE_INFINITY;
  bytesIn = 0;
  bytesOut = 0;
  /** Said hello. */
  ready = false;
  /** Its vectors come by gossip as well. */
  gossips = true;
  readonly compression: LinkCompression;
  closed = false;
  /** May send bulk now: has credit and the stream takes it. */
  onWritable: () => void = () => {};
  onFrame: (type: number, body: Buffer) => void = () => {};
  onClosed: (reason: string) => void = () => {};
  /** What a peer sent has met an error of ours. */
  onFault: (error: unknown) => void = () => {};
  private readonly stream: MeshStream;
  private readonly reader = new FrameReader();
  private credit = CREDIT_BYTES;
  private taken = 0;
  private blocked = false;
  private unreadBytes = 0;

  constructor(peerId: string, stream: MeshStream, connection: MeshConnection, compression: Compression) {
    this.compression = new LinkCompression(compression);
    this.peerId = peerId;
    this.stream = stream;
    this.connection = connection;
    stream.inactivityTimeout = Number.MAX_SAFE_INTEGER;
    tellRoomSeldom(stream);
    stream.addEventListener('message', (event) =>
      this.receive(event.data instanceof Uint8Array ? event.data : event.data.subarray()),
    );
    stream.addEventListener('drain', () => {
      this.blocked = false;
      if (stream.writeBufferLength === 0) this.unreadBytes = 0;
      this.onWritable();
    });
    stream.addEventListener('close', () => this.over('stream closed'));
    stream.addEventListener('remoteCloseWrite', () => this.close('closed by the peer'));
  }

  get writable(): boolean {
    return !this.closed && !this.blocked && this.credit > 0;
  }

  /** Written, and not taken by the stream yet. */
  get backlogBytes(): number {
    return this.stream.writeBufferLength;
  }

  sendMap(type: number, map: Record<string, unknown>): void {
    const pieces = encodeMap(type, map);
    if (this.blocked) {
      for (const piece of pieces) this.unreadBytes += piece.length;
      if (this.unreadBytes > UNREAD_BYTES_MAX) this.abort('refused: it asks and does not read the answers');
    }
    this.write(pieces);
  }

  /** An envelope or a page; charges the credit with what of it travels. */
  sendBulk(type: Bulk, bytes: Uint8Array): void {
    const packed = this.compression.pack(type, bytes);
    this.credit -= (packed ?? bytes).length;
    this.write(packed === null ? encodeBulk(type, bytes) : encodeBulk(FrameType.packed, packed));
  }

  ping(): void {
    this.sendMap(FrameType.ping, { t: performance.now() });
  }

  /** Ends the stream and its connection, so that both are built anew. */
  abort(reason: string): void {
    if (this.closed) return;
    // first, or the stream's own event would say that it was closed and not why
    this.over(reason);
    this.stream.abort(new Error(reason));
    this.connection.abort(new Error(reason));
  }

  close(reason: string): void {
    if (this.closed) return;
    this.over(reason);
    void closeOrAbort(this.stream);
  }

  private write(pieces: Uint8Array[]): void {
    if (this.closed) return;
    const bytes = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    this.bytesOut += bytes.length;
    try {
      if (!this.stream.send(bytes)) this.blocked = true;
    } catch (error) {
      this.abort(`cannot send: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private receive(bytes: Uint8Array): void {
    this.lastHeardMs = performance.now();
    this.bytesIn += bytes.length;
    try {
      this.reader.push(bytes, (type, body) => this.frame(type, body));
    } catch (error) {
      if (error instanceof FrameError) {
        this.abort(`refused: ${error.message}`);
        return;
      }
      this.onFault(error);
      this.abort('refused: what it sent cannot be worked on');
    }
  }

  private frame(type: number, body: Buffer): void {
    if (this.closed) return;
    switch (type) {
      case FrameType.ping:
        this.sendMap(FrameType.pong, { t: numberField(decodeMap(body), 't') });
        return;
      case FrameType.pong:
        this.answered(numberField(decodeMap(body), 't'));
        return;
      case FrameType.packed:
        this.takePacked(body);
        return;
      case FrameType.credit:
        this.credit = Math.min(this.credit + numberField(decodeMap(body), 'b'), CREDIT_BYTES);
        this.onWritable();
        return;
      default:
        this.onFrame(type, body);
        if (isBulk(type)) this.take(body.length);
    }
  }

  /** To a ping of that time; a peer that makes one up cannot have answered before it. */
  private answered(sentMs: number): void {
    const now = performance.now();
    this.rttMs = now - sentMs;
    this.answeredMs = Math.min(sentMs, now);
    this.compression.noteRoundTrip(this.rttMs);
    if (this.compression.isUndecided) this.ping();
  }

  private takePacked(body: Buffer): void {
    if (!this.ready) throw new FrameError(`frame ${FrameType.packed} before hello`);
    const { type, bytes } = unpackBulk(body);
    this.compression.statistics.bulk_unpacked++;
    this.onFrame(type, bytes);
    this.take(body.length);
  }

  private take(bytes: number): void {
    this.taken += bytes;
    if (this.taken < CREDIT_STEP_BYTES) return;
    this.sendMap(FrameType.credit, { b: this.taken });
    this.taken = 0;
  }

  private over(reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.onClosed(reason);
  }
}
