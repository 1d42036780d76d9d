/** The letters of `notify-keyspace-events`: which events are told, and on which channels. */

/** Classes of events, in the order in which Redis writes them; `A` is all but those of OUTSIDE_ALL. */
const CLASSES = ['g', '$', 'l', 's', 'h', 'z', 'x', 'e', 't', 'd', 'n', 'm'] as const;
export type EventClass = (typeof CLASSES)[number];

const BIT: Readonly<Record<EventClass | 'K' | 'E', number>> = {
  K: 1,
  E: 2,
  g: 4,
  $: 8,
  l: 16,
  s: 32,
  h: 64,
  z: 128,
  x: 256,
  e: 512,
  t: 1024,
  d: 2048,
  n: 4096,
  m: 8192,
};
/** `A` names neither new keys nor misses: both come as often as commands. */
const ALL = BIT.g | BIT.$ | BIT.l | BIT.s | BIT.h | BIT.z | BIT.x | BIT.e | BIT.t | BIT.d;
export const KEYSPACE = BIT.K;
export const KEYEVENT = BIT.E;

export function bitOf(eventClass: EventClass): number {
  return BIT[eventClass];
}

/** The bits of a setting; undefined if a letter means nothing. */
export function parseEventFlags(text: string): number | undefined {
  let flags = 0;
  for (const letter of text) {
    if (letter === 'A') flags |= ALL;
    else if (letter in BIT) flags |= BIT[letter as keyof typeof BIT];
    else return undefined;
  }
  return flags;
}

/** As CONFIG GET shows a setting. */
export function formatEventFlags(flags: number): string {
  const has = (letter: keyof typeof BIT) => ((flags & BIT[letter]) !== 0 ? letter : '');
  const all = (flags & ALL) === ALL;
  let text = all ? 'A' : '';
  for (const letter of CLASSES) if (letter !== 'm' && (!all || (ALL & BIT[letter]) === 0)) text += has(letter);
  return text + has('K') + has('E') + has('m');
}
