/** The replies of COMMAND INFO and COMMAND DOCS, element by element of the kinds that Redis uses. */
import type { Reply } from '../reply.ts';
import type { Command } from '../table.ts';
import { type ArgumentDescription, metadataOf } from './index.ts';

type Fields = Readonly<Record<string, unknown>>;

/** One element of COMMAND and COMMAND INFO. */
export function writeInfo(reply: Reply, command: Command): void {
  const { arity, flags, keys, categories, tips, keySpecs } = metadataOf(command);
  reply.array(10);
  reply.bulkText(command.name);
  reply.integer(arity);
  writeStatuses(reply, flags);
  for (const position of keys) reply.integer(position);
  writeStatuses(reply, categories);
  reply.set(tips.length);
  for (const tip of tips) reply.bulkText(tip);
  reply.set(keySpecs.length);
  for (const spec of keySpecs) writeFields(reply, { ...spec });
  const subcommands = command.subcommands ?? [];
  if (subcommands.length === 0) reply.set(0);
  else reply.array(subcommands.length);
  for (const each of subcommands) writeInfo(reply, each);
}

/** One value of COMMAND DOCS. */
export function writeDocs(reply: Reply, command: Command): void {
  const fields = Object.entries(metadataOf(command).docs);
  const subcommands = command.subcommands ?? [];
  reply.map(fields.length + (subcommands.length > 0 ? 1 : 0));
  for (const [name, value] of fields) writeField(reply, name, value);
  if (subcommands.length === 0) return;
  reply.bulkText('subcommands');
  reply.map(subcommands.length);
  for (const each of subcommands) {
    reply.bulkText(each.name);
    writeDocs(reply, each);
  }
}

export function writeStatuses(reply: Reply, words: readonly string[]): void {
  reply.set(words.length);
  for (const word of words) reply.status(word);
}

function writeFields(reply: Reply, fields: Fields): void {
  const entries = Object.entries(fields);
  reply.map(entries.length);
  for (const [name, value] of entries) writeField(reply, name, value);
}

/** The name of a field tells the kind of its reply. */
function writeField(reply: Reply, name: string, value: unknown): void {
  reply.bulkText(name);
  if (typeof value === 'number') reply.integer(value);
  else if (typeof value === 'string') reply.bulkText(value);
  else if (name === 'flags' || name === 'doc_flags') writeStatuses(reply, value as readonly string[]);
  else if (name === 'history') writeHistory(reply, value as readonly (readonly string[])[]);
  else if (name === 'arguments') {
    const all = value as readonly ArgumentDescription[];
    reply.array(all.length);
    for (const each of all) writeFields(reply, { ...each });
  } else writeFields(reply, value as Fields);
}

function writeHistory(reply: Reply, changes: readonly (readonly string[])[]): void {
  reply.set(changes.length);
  for (const change of changes) {
    reply.array(change.length);
    for (const text of change) reply.bulkText(text);
  }
}
