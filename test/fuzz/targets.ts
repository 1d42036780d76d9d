/** The targets by name. Each is loaded when it is wanted: by then the fuzzer has to be looking already. */
import type { Target } from './target.ts';

const LOADERS: Readonly<Record<string, () => Promise<{ readonly target: Target }>>> = {
  requests: () => import('./targets/requests.ts'),
  session: () => import('./targets/session.ts'),
  replies: () => import('./targets/replies.ts'),
  globs: () => import('./targets/globs.ts'),
  config: () => import('./targets/config.ts'),
  envelope: () => import('./targets/envelope.ts'),
  'state-transfer': () => import('./targets/state-transfer.ts'),
  comparison: () => import('./targets/comparison.ts'),
  'sync-stream': () => import('./targets/sync-stream.ts'),
  subscriptions: () => import('./targets/subscriptions.ts'),
  gossip: () => import('./targets/gossip.ts'),
  records: () => import('./targets/records.ts'),
  recovery: () => import('./targets/recovery.ts'),
};

export const TARGET_NAMES: readonly string[] = Object.keys(LOADERS);

export async function loadTarget(name: string): Promise<Target> {
  const load = LOADERS[name];
  if (load === undefined) throw new RangeError(`no target ${name}; there are ${TARGET_NAMES.join(', ')}`);
  const { target } = await load();
  if (target.name !== name) throw new Error(`target ${name} calls itself ${target.name}`);
  return target;
}
