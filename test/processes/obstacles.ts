/**
 * Tests that need more than Node.js: root, a package, a device. On somebody's own machine they are skipped, loudly; in
 * continuous integration, which installs what they need and runs as root, a lack is a failure: or it would never be seen
 * that nothing is tested any more.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'uvu';

/** What stands in the way of network namespaces with a switch in user space; null: nothing. */
export function networkObstacle(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  return missingProgram('ip', ['-V']) ?? missingProgram('python3', ['--version']);
}

/** Null if that program runs. */
export function missingProgram(name: string, words: readonly string[]): string | null {
  return spawnSync(name, words, { stdio: 'ignore' }).status === 0 ? null : `needs ${name}`;
}

/** What tests are declared with: `test` itself, or one that skips them and says why. */
export function testUnless(obstacle: string | null, subject: string): typeof test | typeof test.skip {
  if (obstacle === null) return test;
  if (process.env.CI === 'true' && process.getuid?.() === 0) throw new Error(`${subject}: ${obstacle}`);
  console.log(`SKIPPED ${subject}: ${obstacle}`);
  return test.skip;
}
