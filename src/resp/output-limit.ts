/** `client-output-buffer-limit`: when a client that does not read its replies is cut off. */
import type { ConfigService } from '../commands/services.ts';

export class OutputLimit {
  private readonly config: ConfigService;
  /** Since when more is unread than the soft limit allows for long; null: it is not. */
  private softSinceMs: number | null = null;

  constructor(config: ConfigService) {
    this.config = config;
  }

  /** True if so many unread bytes are too many, or have been for too long. */
  isPassed(unreadBytes: number, type: 'normal' | 'pubsub'): boolean {
    const words = (this.config.get('client-output-buffer-limit') ?? '').split(' ');
    const at = words.indexOf(type);
    if (at < 0) return false;
    const [hardBytes, softBytes, softSeconds] = words.slice(at + 1, at + 4).map(Number);
    if (hardBytes > 0 && unreadBytes > hardBytes) return true;
    if (softBytes === 0 || unreadBytes <= softBytes) {
      this.softSinceMs = null;
      return false;
    }
    this.softSinceMs ??= performance.now();
    return performance.now() - this.softSinceMs > softSeconds * 1000;
  }
}
