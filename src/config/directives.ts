/**
 * The one table of directives. Config file, flags, environment, CONFIG GET/SET/REWRITE, --help and the documentation
 * all come from it. Names and meaning are redis.conf's where there is one.
 */
import { CLIENT_DIRECTIVES } from './client-directives.ts';
import type { Directive, DirectiveGroup } from './directive.ts';
import { NODE_DIRECTIVES } from './node-directives.ts';
import { REDIS_DIRECTIVES } from './redis-directives.ts';

/** Those that mean something here, as --help and the documentation show them. */
export const DIRECTIVE_GROUPS: readonly DirectiveGroup[] = [CLIENT_DIRECTIVES, ...NODE_DIRECTIVES];

export const DIRECTIVES: readonly Directive[] = [
  ...DIRECTIVE_GROUPS.flatMap(({ directives }) => directives),
  ...REDIS_DIRECTIVES,
];

const byName = new Map<string, Directive>();
for (const directive of DIRECTIVES) {
  byName.set(directive.name, directive);
  for (const alias of directive.aliases ?? []) byName.set(alias, directive);
}

export function findDirective(name: string): Directive | undefined {
  return byName.get(name.toLowerCase());
}

export function directiveNames(): string[] {
  return [...byName.keys()];
}
