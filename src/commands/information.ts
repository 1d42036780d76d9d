/** INFO and the small commands that tell about the server: TIME, ROLE, LASTSAVE, LOLWUT. The sections are in info-sections.ts. */
import { SECTIONS, type SectionName } from './info-sections.ts';
import type { Call, Command } from './table.ts';
import { REDIS_VERSION } from './version.ts';

/** What INFO alone shows; `all` and `everything` add the rest. */
const DEFAULT: readonly SectionName[] = ['server', 'clients', 'memory', 'persistence', 'stats', 'replication', 'cpu', 'modules', 'errorstats', 'cluster', 'keyspace', 'crdt'];
const ALL = Object.keys(SECTIONS) as SectionName[];

function runInfo(call: Call): void {
  const { args, argc, reply } = call;
  const wanted = new Set<SectionName>();
  if (argc === 1) for (const name of DEFAULT) wanted.add(name);
  for (let i = 1; i < argc; i++) {
    const name = args[i].latin1().toLowerCase();
    if (name === 'default') for (const each of DEFAULT) wanted.add(each);
    else if (name === 'all' || name === 'everything') for (const each of ALL) wanted.add(each);
    else if (name in SECTIONS) wanted.add(name as SectionName);
  }
  const parts = ALL.filter((name) => wanted.has(name)).map((name) => {
    const title = `# ${name[0].toUpperCase()}${name.slice(1)}\r\n`;
    return title + SECTIONS[name](call).map(([field, value]) => `${field}:${value}\r\n`).join('');
  });
  reply.verbatim(parts.join('\r\n'));
}

const BIRD = [
  '                    .-.',
  '                   /  o\\___',
  '                  |   ____/   one flock,',
  '              __.-\'   \\',
  '        __.-""  `.  ,. |      no leader,',
  '   .-""     `-._  `.| \\|',
  '    `-._        `"--\'  `      each follows its neighbours',
  '        `-.__..--"|  |',
  '                 _|  |_',
];

const QUIET = { flags: ['loading', 'stale', 'fast'], keys: [0, 0, 0], acl: [], group: 'server' } as const;

export const informationCommands: readonly Command[] = [
  {
    ...QUIET, flags: ['loading', 'stale'], acl: ['dangerous'], name: 'info', arity: -1, since: '1.0.0', complexity: 'O(1)',
    summary: 'Figures about the server, by section.', run: runInfo,
  },
  {
    ...QUIET, name: 'time', arity: 1, since: '2.6.0', complexity: 'O(1)', summary: "The server's clock: seconds and microseconds.",
    run({ engine, reply, services }) {
      const micros = Math.floor(services.monotonicMicros()) % 1000;
      reply.array(2);
      reply.bulkText(String(Math.floor(engine.now / 1000)));
      reply.bulkText(String((engine.now % 1000) * 1000 + micros));
    },
  },
  {
    ...QUIET, acl: ['admin', 'dangerous'], name: 'role', arity: 1, since: '2.8.12', complexity: 'O(1)', summary: 'Always master: every node takes writes.',
    run({ engine, reply }) {
      reply.array(3);
      reply.bulkText('master');
      reply.integer(engine.vector().reduce((sum, entry) => sum + entry.number, 0));
      reply.array(0);
    },
  },
  {
    ...QUIET, acl: ['admin', 'dangerous'], name: 'lastsave', arity: 1, since: '1.0.0', complexity: 'O(1)', summary: 'When the state was last written out.',
    run({ reply, services }) {
      reply.integer(Math.floor((services.store.lastSaveMs || services.statistics.startedAtMs) / 1000));
    },
  },
  {
    ...QUIET, flags: ['readonly', 'fast'], name: 'lolwut', arity: -1, since: '5.0.0', summary: 'A bird.',
    run({ reply, services }) {
      reply.verbatim(`${BIRD.join('\n')}\n\nStarling ver. ${services.node.version}, Redis ver. ${REDIS_VERSION}\n`);
    },
  },
];
