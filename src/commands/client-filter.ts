/** Which clients CLIENT LIST shows and CLIENT KILL closes: their options, with Redis's checks and words. */
import { integerArgument, numberArgument } from './arguments.ts';
import type { Client } from './client.ts';
import { Errors } from './reply.ts';
import type { Call } from './table.ts';

type ClientTest = (client: Client) => boolean;

const TYPES = ['normal', 'master', 'replica', 'slave', 'pubsub'];
const BAD_ID = 'ERR client-id should be greater than 0';

/** From the options of CLIENT LIST; undefined after an error. */
export function parseListFilter(call: Call): ClientTest | undefined {
  const { args, argc, reply } = call;
  if (argc === 2) return () => true;
  if (argc === 4 && args[2].isWord('type')) return typeTest(call, 3);
  if (argc < 4 || !args[2].isWord('id')) {
    reply.error(Errors.syntax);
    return undefined;
  }
  const ids = new Set<number>();
  for (let i = 3; i < argc; i++) {
    const id = numberArgument(call, i, 'ERR Invalid client ID');
    if (id === undefined) return undefined;
    ids.add(id);
  }
  return (client) => ids.has(client.id);
}

/** From the options of CLIENT KILL, all of which must hold; undefined after an error. */
export function parseKillFilter(call: Call): ClientTest | undefined {
  const { args, argc, client: me, reply } = call;
  const tests: ClientTest[] = [];
  let skipMe = true;
  for (let i = 2; i < argc; i += 2) {
    if (i + 1 < argc && args[i].isWord('skipme') && (args[i + 1].isWord('yes') || args[i + 1].isWord('no'))) {
      skipMe = args[i + 1].isWord('yes');
      continue;
    }
    const test = i + 1 < argc ? parseKillTest(call, i) : null;
    if (test === undefined) return undefined;
    if (test === null) {
      reply.error(Errors.syntax);
      return undefined;
    }
    tests.push(test);
  }
  return (client) => !(skipMe && client === me) && tests.every((test) => test(client));
}

/** One option and its value. Null: no such option. Undefined: an error was answered. */
function parseKillTest(call: Call, index: number): ClientTest | null | undefined {
  const { acl, args, engine, reply } = call;
  const option = args[index];
  const value = args[index + 1].latin1();
  if (option.isWord('addr')) return (client) => client.address === value;
  if (option.isWord('laddr')) return (client) => client.localAddress === value;
  if (option.isWord('type')) return typeTest(call, index + 1);
  if (option.isWord('id')) {
    const id = integerArgument(call, index + 1, BAD_ID);
    if (id !== undefined && id < 1) reply.error(BAD_ID);
    return id === undefined || id < 1 ? undefined : (client) => client.id === id;
  }
  if (option.isWord('user')) {
    const user = acl.users.find(value);
    if (user === undefined) reply.error(`ERR No such user '${args[index + 1].text()}'`);
    return user === undefined ? undefined : (client) => client.user === user;
  }
  if (option.isWord('maxage')) {
    const seconds = numberArgument(call, index + 1, 'ERR maxage is not an integer or out of range');
    if (seconds !== undefined && seconds < 1) reply.error('ERR maxage should be greater than 0');
    if (seconds === undefined || seconds < 1) return undefined;
    const { now } = engine;
    return (client) => now - client.createdAtMs >= seconds * 1000;
  }
  return null;
}

function typeTest({ args, reply }: Call, index: number): ClientTest | undefined {
  const type = args[index].latin1().toLowerCase();
  if (TYPES.includes(type)) return (client) => type === (client.subscribed > 0 ? 'pubsub' : 'normal');
  reply.error(`ERR Unknown client type '${args[index].text()}'`);
  return undefined;
}
