/** How tests start a node: the bundle that `npm test` made of the source, or the source itself where there is none. */
import { join } from 'node:path';

/** Set by scripts/test.ts for what it runs. */
export const BUNDLE_VARIABLE = 'NODE_UNDER_TEST';

/** What follows `node` on the command line, before the options of Starling. */
export function programWords(): string[] {
  const bundle = process.env[BUNDLE_VARIABLE];
  if (bundle !== undefined) return ['--enable-source-maps', bundle];
  return ['--import', 'tsx', join(import.meta.dirname, '..', '..', 'src', 'cli.ts')];
}
