/** FUNCTION and FCALL: libraries of functions, of the whole mesh. */
import { decodeFunctions, encodeFunctions } from '../dump/functions.ts';
import { isIntact } from '../dump/payload.ts';
import { matchGlob } from '../glob.ts';
import { answerHelp } from '../help-reply.ts';
import { redisContainer, redisEntry } from '../metadata/entry.ts';
import type { LibraryDescription } from '../services.ts';
import type { Call, Command } from '../table.ts';
import { awaitScript, scriptCall } from './eval.ts';

const HELP = [
  'DELETE <library-name>',
  '    Removes a library with all its functions, on all nodes.',
  'DUMP',
  '    All libraries, for FUNCTION RESTORE.',
  'FLUSH [ASYNC|SYNC]',
  '    Removes all libraries; both ways are the same here.',
  'KILL',
  '    Ends the function that runs, if it has not written yet.',
  'LIST [LIBRARYNAME <pattern>] [WITHCODE]',
  '    Libraries and what is in them.',
  'LOAD [REPLACE] <function-code>',
  '    Adds a library, on all nodes.',
  'RESTORE <payload> [FLUSH|APPEND|REPLACE]',
  '    Adds the libraries of a FUNCTION DUMP: in place of all others, beside them, or in place of those of the same name.',
  'STATS',
  '    The function that runs, and how many there are.',
];

export const functionCommands: readonly Command[] = [
  redisContainer('function', [
    redisEntry('function|delete', runDelete),
    redisEntry('function|dump', (call) =>
      call.reply.bulkBytes(encodeFunctions(call.services.scripting.functions.list(call).map(({ source }) => source))),
    ),
    redisEntry('function|flush', runFlush),
    redisEntry('function|help', ({ reply }) => answerHelp(reply, 'FUNCTION', HELP)),
    redisEntry('function|kill', ({ reply, services }) => {
      const error = services.scripting.kill('function');
      if (error === null) reply.ok();
      else reply.error(error);
    }),
    redisEntry('function|list', runList),
    redisEntry('function|load', runLoad),
    redisEntry('function|restore', runRestore),
    redisEntry('function|stats', runStats),
  ]),
  redisEntry('fcall', (call) => runFunction(call, false)),
  redisEntry('fcall_ro', (call) => runFunction(call, true)),
];

function runFunction(call: Call, readOnly: boolean): void {
  call.services.monitors.showScript(call);
  // Redis looks for the function first, and has words of its own for a number that is none
  const { functions } = call.services.scripting;
  if (!functions.has(call, call.args[1].latin1())) {
    call.reply.error('ERR Function not found');
    return;
  }
  const script = scriptCall(call, readOnly, 'ERR Bad number of keys provided');
  if (script === undefined) return;
  functions.run(call.args[1].latin1(), script);
  awaitScript(call);
}

function runLoad(call: Call): void {
  const { args, argc, reply, services } = call;
  let replace = false;
  for (let i = 2; i < argc - 1; i++) {
    if (!args[i].isWord('replace')) {
      reply.error(`ERR Unknown option given: ${args[i].text()}`);
      return;
    }
    replace = true;
  }
  const loaded = services.scripting.functions.load(call, args[argc - 1].view(), replace);
  if ('error' in loaded) reply.error(loaded.error);
  else reply.bulkText(loaded.name);
}

function runDelete(call: Call): void {
  if (call.services.scripting.functions.remove(call, call.args[2].latin1())) call.reply.ok();
  else call.reply.error('ERR Library not found');
}

function runFlush(call: Call): void {
  const { args, argc, reply, services } = call;
  if (argc > 3) {
    reply.error(`ERR unknown subcommand or wrong number of arguments for '${args[1].text()}'. Try FUNCTION HELP.`);
    return;
  }
  if (argc === 3 && !args[2].isWord('async') && !args[2].isWord('sync')) {
    reply.error('ERR FUNCTION FLUSH only supports SYNC|ASYNC option');
    return;
  }
  services.scripting.functions.clear(call);
  reply.ok();
}

function runRestore(call: Call): void {
  const { args, argc, reply, services } = call;
  const policy = argc === 3 ? 'append' : args[3].latin1().toLowerCase();
  if (argc > 4 || (policy !== 'flush' && policy !== 'append' && policy !== 'replace')) {
    reply.error(
      argc > 4
        ? `ERR unknown subcommand or wrong number of arguments for '${args[1].text()}'. Try FUNCTION HELP.`
        : 'ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.',
    );
    return;
  }
  const payload = args[2].view();
  if (!isIntact(payload)) {
    reply.error('ERR DUMP payload version or checksum are wrong');
    return;
  }
  const sources = decodeFunctions(payload);
  const error = 'error' in sources ? sources.error : services.scripting.functions.restore(call, sources, policy);
  if (error === null) reply.ok();
  else reply.error(error);
}

function runList(call: Call): void {
  const { args, argc, reply, services } = call;
  let pattern: Buffer | null = null;
  let withCode = false;
  for (let i = 2; i < argc; i++) {
    if (args[i].isWord('withcode') && !withCode) withCode = true;
    else if (args[i].isWord('libraryname') && pattern === null) {
      if (i === argc - 1) {
        reply.error('ERR library name argument was not given');
        return;
      }
      pattern = args[++i].copy();
    } else {
      reply.error(`ERR Unknown argument ${args[i].text()}`);
      return;
    }
  }
  const wanted = services.scripting.functions
    .list(call)
    .filter(({ name }) => pattern === null || matches(name, pattern));
  reply.array(wanted.length);
  for (const library of wanted) writeLibrary(call, library, withCode);
}

/** Case does not matter. */
function matches(name: string, pattern: Buffer): boolean {
  const bytes = Buffer.from(name);
  return matchGlob(pattern, 0, pattern.length, bytes, 0, bytes.length, true);
}

function writeLibrary({ reply }: Call, { name, source, functions }: LibraryDescription, withCode: boolean): void {
  reply.map(withCode ? 4 : 3);
  reply.bulkText('library_name');
  reply.bulkText(name);
  reply.bulkText('engine');
  reply.bulkText('LUA');
  reply.bulkText('functions');
  reply.array(functions.length);
  for (const each of functions) {
    reply.map(3);
    reply.bulkText('name');
    reply.bulkText(each.name);
    reply.bulkText('description');
    if (each.description === null) reply.nil();
    else reply.bulkText(each.description);
    reply.bulkText('flags');
    reply.set(each.flags.length);
    for (const flag of each.flags) reply.status(flag);
  }
  if (!withCode) return;
  reply.bulkText('library_code');
  reply.bulkBytes(source);
}

function runStats(call: Call): void {
  const { reply, services } = call;
  const { functions } = services.scripting;
  const { running } = functions;
  const libraries = functions.list(call);
  reply.map(2);
  reply.bulkText('running_script');
  if (running === null) reply.nil();
  else {
    reply.map(3);
    reply.bulkText('name');
    reply.bulkText(running.name);
    reply.bulkText('command');
    reply.array(running.words.length);
    for (const word of running.words) reply.bulkBytes(word);
    reply.bulkText('duration_ms');
    reply.integer(running.durationMs);
  }
  reply.bulkText('engines');
  reply.map(1);
  reply.bulkText('LUA');
  reply.map(2);
  reply.bulkText('libraries_count');
  reply.integer(libraries.length);
  reply.bulkText('functions_count');
  reply.integer(libraries.reduce((sum, { functions: each }) => sum + each.length, 0));
}
