/**
 * Makes src/commands/metadata/redis-7.0.15.json from a running redis-server's own COMMAND INFO and COMMAND DOCS, so
 * that Starling describes Redis's commands as Redis does. Run it once per Redis version:
 *
 *   node --import tsx scripts/command-metadata.ts
 */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { decodeReply, type ReplyValue } from '../src/resp/decode.ts';
import { encodeRequest } from '../src/resp/local-client.ts';
import { startRedis } from './redis-suite/servers.ts';

const FOLDER = 'src/commands/metadata';

type Plain = string | number | Plain[] | { [name: string]: Plain };

const server = await startRedis();
try {
  const [, help, info, docs] = await ask(server.port, [
    ['HELLO', '3'],
    ['INFO', 'server'],
    ['COMMAND', 'INFO'],
    ['COMMAND', 'DOCS'],
  ]);
  const version = /redis_version:(\S+)/.exec(String(help))?.[1] ?? 'unknown';
  const commands: Record<string, Plain> = {};
  for (const each of list(info)) describe(each, map(docs), commands);
  const sorted = Object.fromEntries(Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1)));
  const origin = `COMMAND INFO and COMMAND DOCS of redis-server ${version} (BSD-3-Clause), by scripts/command-metadata.ts`;
  const lines = Object.entries(sorted).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  const file = `${FOLDER}/redis-${version}.json`;
  writeFileSync(file, `{"origin": ${JSON.stringify(origin)},\n"commands": {\n${lines.join(',\n')}\n}}\n`);
  console.log(`${file}: ${lines.length} commands and sub-commands`);
} finally {
  await server.stop();
}

/** One command and its sub-commands, each under its full name. */
function describe(entry: ReplyValue, docs: Map<ReplyValue, ReplyValue>, into: Record<string, Plain>): void {
  const [name, arity, flags, first, last, step, categories, tips, keySpecs, subcommands] = list(entry);
  const { subcommands: subDocs, ...own } = record(map(docs.get(name)));
  into[String(name)] = {
    arity: Number(arity),
    flags: texts(flags),
    keys: [Number(first), Number(last), Number(step)],
    categories: texts(categories),
    tips: texts(tips),
    keySpecs: plain(keySpecs),
    docs: plain(new Map(Object.entries(own))),
  };
  if (subDocs !== undefined) for (const each of list(subcommands)) describe(each, map(subDocs), into);
}

function texts(value: ReplyValue): string[] {
  return list(value).map(String);
}

function list(value: ReplyValue | undefined): ReplyValue[] {
  if (!Array.isArray(value)) throw new Error(`no array: ${String(value)}`);
  return value;
}

function map(value: ReplyValue | undefined): Map<ReplyValue, ReplyValue> {
  if (!(value instanceof Map)) throw new Error(`no map: ${String(value)}`);
  return value;
}

function record(value: Map<ReplyValue, ReplyValue>): Record<string, ReplyValue> {
  return Object.fromEntries([...value].map(([name, each]) => [String(name), each]));
}

function plain(value: ReplyValue): Plain {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, each]) => [String(name), plain(each)]));
  return typeof value === 'number' ? value : String(value);
}

/** Sends commands to a server and gives the replies. */
function ask(port: number, requests: readonly string[][]): Promise<ReplyValue[]> {
  return new Promise((done, fail) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat(requests.map(encodeRequest))));
    let bytes = Buffer.alloc(0);
    socket.once('error', fail);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const replies: ReplyValue[] = [];
      for (let at = 0; at < bytes.length; ) {
        const reply = decodeReply(bytes, at);
        if (reply === null) return;
        replies.push(reply.value);
        at = reply.next;
      }
      if (replies.length < requests.length) return;
      socket.destroy();
      done(replies);
    });
  });
}
