/** What a session speaks to: a socket, or a test. */
export interface Transport {
  readonly address: string;
  readonly localAddress: string;
  /** True if the bytes have gone and their buffer may be used again. */
  write(bytes: Buffer): boolean;
  /** Bytes that were written and have not gone. */
  readonly pendingBytes: number;
  pauseReading(): void;
  resumeReading(): void;
  /** Closes after what was written has gone. */
  end(): void;
  destroy(): void;
}
