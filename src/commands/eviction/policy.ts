/** `maxmemory-policy`: which keys may go when memory is full, and which of them first. */

/** In the order in which Redis names them. */
export const POLICIES = [
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'noeviction',
] as const;

export type PolicyName = (typeof POLICIES)[number];

export interface Policy {
  readonly among: 'all' | 'volatile';
  readonly by: 'use' | 'deadline' | 'chance';
}

/** Null: none may go. */
export function policyOf(name: string): Policy | null {
  if (name === 'noeviction') return null;
  return {
    among: name.startsWith('volatile-') ? 'volatile' : 'all',
    by: name.endsWith('-random') ? 'chance' : name.endsWith('-ttl') ? 'deadline' : 'use',
  };
}

/** How often keys are used is kept, instead of when they were last used. */
export function countsUse(name: string): boolean {
  return name.endsWith('-lfu');
}

/** When keys were last used, or how often, is kept in a place that numbers which Redis shares do not have. */
export function watchesUse(name: string): boolean {
  return countsUse(name) || name.endsWith('-lru');
}
