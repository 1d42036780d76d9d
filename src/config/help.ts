/** --help: every directive that means something here, from the table. */
import { DIRECTIVES, type Directive } from './directives.ts';

export function helpText(): string {
  const lines = DIRECTIVES.filter((directive) => directive.inert !== true).map((directive) => {
    const names = [directive.name, ...(directive.aliases ?? [])].map((name) => `--${name}`).join(', ');
    const value = directive.default === '' ? '' : ` (${directive.default})`;
    return `  ${`${names} ${placeholder(directive)}`.padEnd(44)} ${directive.summary}${value}`;
  });
  return [
    'Usage: starling [CONFIG-FILE] [--NAME VALUE]…',
    '',
    'A node of an active-active Redis. Start it on two machines of one network and write on either.',
    '',
    ...lines,
    `  ${'--config FILE'.padEnd(44)} A file of directives in the form of redis.conf`,
    `  ${'--check-config'.padEnd(44)} Check the settings and leave`,
    `  ${'--help, --version'.padEnd(44)}`,
    '',
    'Every option is also an environment variable (STARLING_PORT) and a line of the config file (port 7000).',
    'Directives of redis.conf that mean nothing here are accepted with a warning.',
  ].join('\n');
}

function placeholder({ type }: Directive): string {
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
      return '…';
    case 'text':
      return 'TEXT';
  }
}
