/** --help: every directive that means something here, from the table. */
import type { Directive, DirectiveType } from './directive.ts';
import { DIRECTIVE_GROUPS } from './directives.ts';

const OPTION_WIDTH = 44;

/** What `starling --help` prints. */
export function helpText(): string {
  const groups = DIRECTIVE_GROUPS.map(({ title, directives }) =>
    [`${title}:`, ...directives.map((directive) => option(optionOf(directive), meaningOf(directive)))].join('\n'),
  );
  return [
    'Usage: starling [CONFIG-FILE] [--NAME VALUE]…',
    '',
    'A node of an active-active Redis. Start it on two machines of one network and write on either.',
    '',
    groups.join('\n\n'),
    '',
    'The command itself:',
    option('--config FILE', 'A file of directives in the form of redis.conf'),
    option('--check-config', 'Check the settings and leave'),
    option('--help', 'Show this and leave'),
    option('--version', 'Show the version and leave'),
    '',
    'Every option is also an environment variable (STARLING_PORT) and a line of the config file (port 7000).',
    'A flag wins over the environment, and that over the file. Other directives of redis.conf are accepted with a',
    'warning.',
  ].join('\n');
}

/** What may stand for the value in a line of help or documentation. */
export function placeholder(type: DirectiveType): string {
  switch (type.kind) {
    case 'boolean':
      return 'yes|no';
    case 'enum':
      return type.words.join('|');
    case 'integer':
      return 'N';
    case 'bytes':
      return 'BYTES';
    case 'list':
      return type.of === 'multiaddrs' ? 'MULTIADDR…' : 'WORD…';
    case 'save':
      return 'SECONDS CHANGES…';
    case 'bufferLimits':
      return 'CLASS HARD SOFT SECONDS…';
    case 'fixed':
      return type.value;
    case 'users':
      return 'NAME RULE…';
    case 'octal':
      return 'MODE';
    case 'percentiles':
      return 'PERCENTAGE…';
    case 'keyspaceEvents':
      return 'LETTERS';
    case 'text':
      return 'TEXT';
  }
}

function optionOf({ name, aliases = [], type }: Directive): string {
  return `${[name, ...aliases].map((each) => `--${each}`).join(', ')} ${placeholder(type)}`;
}

function meaningOf({ summary, default: value }: Directive): string {
  return value === '' ? summary : `${summary} (${value})`;
}

function option(form: string, meaning: string): string {
  const indent = ' '.repeat(OPTION_WIDTH + 3);
  return form.length > OPTION_WIDTH ? `  ${form}\n${indent}${meaning}` : `  ${form.padEnd(OPTION_WIDTH)} ${meaning}`;
}
