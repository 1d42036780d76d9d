/**
 * When peers are told how far we have come, after txns of others were applied here: soon, in one frame for many envelopes.
 * All tell all, of as many writers as there are, so the more peers there are, the later: what a node sends for it grows with
 * the size of the mesh then and not with its square. Who cannot wait asks (`WAIT`).
 */

const DELAY_MS = 200;
const DELAY_MS_A_PEER = 10;

export class Acknowledging {
  private readonly peers: { readonly size: number };
  private readonly tell: () => void;
  private timer: NodeJS.Timeout | null = null;

  constructor(peers: { readonly size: number }, tell: () => void) {
    this.peers = peers;
    this.tell = tell;
  }

  /** Something was applied. */
  note(): void {
    if (this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.tell();
    }, this.delayMs);
    this.timer.unref();
  }

  /** It comes anyway, and is dear enough not to be said twice. */
  get standsForRounds(): boolean {
    return this.timer !== null && this.delayMs > DELAY_MS;
  }

  private get delayMs(): number {
    return Math.max(DELAY_MS, DELAY_MS_A_PEER * this.peers.size);
  }
}
