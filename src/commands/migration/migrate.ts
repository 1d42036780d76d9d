/**
 * MIGRATE: keys go to another Redis server as DUMP gives them, and are removed here once they have arrived there. The node
 * goes on meanwhile, unlike Redis: a key that is changed on the way stays, and the answer says so.
 */
import { NO_KEY, type Watch } from '../../core/contract.ts';
import { Slice } from '../../core/slice.ts';
import { integerArgument, numberArgument } from '../arguments.ts';
import { dumpOf } from '../dump/index.ts';
import { redisEntry } from '../metadata/entry.ts';
import { Errors, type Reply } from '../reply.ts';
import type { Call, Command } from '../table.ts';
import { OutboundError } from './outbound.ts';

const DEFAULT_TIMEOUT_MS = 1000;
const NO_WAITING = 'ERR MIGRATE waits for another server: it cannot within a transaction or script';
const BOTH_WAYS = 'ERR When using MIGRATE KEYS option, the key argument must be set to the empty string';

interface Migration {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly timeoutMs: number;
  readonly copy: boolean;
  readonly replace: boolean;
  /** The words of an AUTH, or none. */
  readonly credentials: readonly Buffer[];
  readonly keys: readonly Slice[];
}

/** A key on its way. */
interface Sent {
  readonly key: Buffer;
  readonly watch: Watch;
  readonly request: readonly (string | Buffer)[];
}

function runMigrate(call: Call): void {
  const { client, engine, reply, services } = call;
  const migration = parseMigration(call);
  if (migration === undefined) return;
  const sent = migration.keys.flatMap((key) => dispatched(call, key, migration.replace));
  if (sent.length === 0) {
    reply.status('NOKEY');
    return;
  }
  if (!client.mayBlock) {
    for (const { watch } of sent) engine.unwatch(watch);
    reply.error(NO_WAITING);
    return;
  }
  const { host, port, database, timeoutMs, credentials, copy } = migration;
  const before = [...(credentials.length > 0 ? [['AUTH', ...credentials]] : []), ['SELECT', database]];
  const blocked = client.block();
  const finish = finisher(call, sent, copy);
  services.outbound.ask(host, port, [...before, ...sent.map(({ request }) => request)], timeoutMs).then(
    (answers) => {
      const failed = answers.slice(0, before.length).find((answer) => answer !== null);
      const arrived = failed === undefined ? answers.slice(before.length) : sent.map(() => failed);
      blocked.resume(finish(arrived), true);
    },
    (error: unknown) =>
      blocked.resume(
        finish(
          sent.map(() => null),
          error,
        ),
      ),
  );
}

/** Undefined after an error. */
function parseMigration(call: Call): Migration | undefined {
  const { args, argc, reply } = call;
  let copy = false;
  let replace = false;
  let credentials: Buffer[] = [];
  let keys: readonly Slice[] = [args[3]];
  for (let i = 6; i < argc; i++) {
    const more = argc - 1 - i;
    if (args[i].isWord('copy')) copy = true;
    else if (args[i].isWord('replace')) replace = true;
    else if (args[i].isWord('auth') && more >= 1) credentials = [args[++i].copy()];
    else if (args[i].isWord('auth2') && more >= 2) credentials = [args[++i].copy(), args[++i].copy()];
    else if (args[i].isWord('keys')) {
      if (args[3].length > 0) {
        reply.error(BOTH_WAYS);
        return undefined;
      }
      keys = args.slice(i + 1, argc);
      break;
    } else {
      reply.error(Errors.syntax);
      return undefined;
    }
  }
  const timeoutMs = numberArgument(call, 5);
  const database = timeoutMs === undefined ? undefined : integerArgument(call, 4);
  if (timeoutMs === undefined || database === undefined) return undefined;
  return {
    ...{ host: args[1].latin1(), port: Number(args[2].latin1()), database: String(database) },
    ...{ timeoutMs: timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS, copy, replace, credentials, keys },
  };
}

/** The RESTORE that takes a key there; nothing if there is no such key. */
function dispatched(call: Call, key: Slice, replace: boolean): Sent[] {
  const { client, db, engine } = call;
  const payload = dumpOf(call, key);
  const deadline = db.deadlineOf(key);
  if (payload === null || deadline === NO_KEY) return [];
  const owned = key.copy();
  const leftMs = deadline < 0 ? 0 : Math.max(1, deadline - engine.now);
  const request = ['RESTORE', owned, String(leftMs), payload, ...(replace ? ['REPLACE'] : [])];
  return [{ key: owned, watch: engine.watch(client.database, key), request }];
}

/** What is done, and answered, when the other server has; `failure` if it has not. */
function finisher({ client, db, engine, services }: Call, sent: readonly Sent[], copy: boolean) {
  return (answers: readonly (string | null)[], failure?: unknown): ((reply: Reply) => void) => {
    const arrived = failure === undefined && !copy ? sent.filter((_, at) => answers[at] === null) : [];
    const changed = arrived.some(({ watch }) => watch.changed);
    const remove = () => {
      for (const { key, watch } of arrived) if (!watch.changed) db.remove(new Slice(key));
    };
    engine.setNow(Date.now());
    engine.begin();
    let tell = () => {};
    if (services.changes.isOn) [, tell] = services.changes.serve(client, () => ['del'], remove);
    else remove();
    engine.commit();
    for (const { watch } of sent) engine.unwatch(watch);
    tell();
    const refused = answers.find((answer) => answer !== null);
    return (reply) => {
      if (failure !== undefined) reply.error(explain(failure));
      else if (refused != null) reply.error(`ERR Target instance replied with error: ${refused}`);
      else if (changed) reply.error('ERR A key has changed while it was sent: it is in both places');
      else reply.ok();
    };
  };
}

function explain(failure: unknown): string {
  if (!(failure instanceof OutboundError)) return `ERR ${String(failure)}`;
  return failure.while === 'connecting'
    ? 'IOERR error or timeout connecting to the client'
    : `IOERR error or timeout ${failure.while} to target instance`;
}

/** Where the keys begin behind KEYS; 0: there is one key, in its place. */
function keysAt(args: readonly Slice[], argc: number): number {
  for (let i = 6; i < argc; i++) {
    if (args[i].isWord('auth')) i++;
    else if (args[i].isWord('auth2')) i += 2;
    else if (args[i].isWord('keys') && args[3].length === 0) return i + 1;
  }
  return 0;
}

export const migrateCommand: Command = {
  ...redisEntry('migrate', runMigrate),
  keys: {
    shown: [3, 3, 1],
    find(args, argc, into) {
      const first = keysAt(args, argc);
      if (first === 0) into.push(3);
      else for (let position = first; position < argc; position++) into.push(position);
    },
    flagsOf: () => ['RW', 'access', 'delete'],
  },
};
