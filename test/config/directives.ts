/** For the tests of configuration: values that a directive may have, by its type, other than its default. */
import type { Directive } from '../../src/config/directive.ts';

/** Up to three canonical values, each unlike the others and the default; none where there is but one value. */
export function samplesOf(directive: Directive): string[] {
  return candidates(directive).filter((value) => value !== directive.default);
}

function candidates({ type }: Directive): string[] {
  switch (type.kind) {
    case 'integer':
      return [type.min, type.min + 1, type.min + 2, type.min + 3].map(String);
    case 'bytes':
      return [type.min + 1, type.min + 2, type.min + 3, type.max].map(String);
    case 'boolean':
      return ['yes', 'no'];
    case 'enum':
      return [...type.words];
    case 'fixed':
    case 'users':
      return [];
    case 'percentiles':
      return ['50', '0 99.9 100', ''];
    case 'keyspaceEvents':
      return ['KE', 'g$KE', 'AnKEm'];
    case 'octal':
      return ['700', '0777', '70'];
    case 'text':
      return ['one', 'two words', 'it\'s "three" # \\ words'];
    case 'list':
      return type.of === 'words'
        ? ['one', 'two words', 'three such words']
        : ['/ip4/192.0.2.1/tcp/1', '/dns4/one.example/tcp/2 /ip6/::1/tcp/3', '/ip4/192.0.2.3/tcp/4'];
    case 'save':
      return ['1 2', '3600 1 300 100', '60 0'];
    case 'bufferLimits':
      return [1, 2, 3].map((bytes) => `normal ${bytes} 0 0 slave 0 ${bytes} 1 pubsub 9 0 ${bytes}`);
  }
}
