/** INFO: the sections that are asked for, in Redis's order. What stands in them is in info-sections.ts. */
import { type InfoSection, SECTIONS } from './info-sections.ts';
import { redisEntry } from './metadata/entry.ts';
import type { Call, Command } from './table.ts';

export const informationCommands: readonly Command[] = [redisEntry('info', runInfo)];

function runInfo(call: Call): void {
  const isWanted = wantedSections(call);
  const texts = SECTIONS.filter(isWanted).map(({ title, fields }) => {
    const lines = fields(call).map(([name, value]) => `${name}:${value}\r\n`);
    return `# ${title}\r\n${lines.join('')}`;
  });
  call.reply.verbatim(texts.join('\r\n'));
}

/** Words that name no section ask for nothing, as in Redis. */
function wantedSections({ args, argc }: Call): (section: InfoSection) => boolean {
  const words = new Set<string>();
  for (let i = 1; i < argc; i++) words.add(args[i].latin1().toLowerCase());
  const all = words.has('all') || words.has('everything');
  const standard = argc === 1 || words.has('default');
  return ({ title, byDefault }) => all || (standard && byDefault) || words.has(title.toLowerCase());
}
