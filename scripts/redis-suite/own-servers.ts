/**
 * Some units start servers of their own, with a configuration for each, and skip all of themselves when they are pointed
 * at one that runs. For these the suite's tree is laid out a second time, with a `redis-server` in it that is Starling,
 * and with those texts changed which Redis 7.4, as whom Starling answers, has otherwise than the suite's 7.0.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Units that start their own servers. */
export const OWN_SERVERS: ReadonlySet<string> = new Set([
  'acl',
  'acl-v2',
  'auth',
  'maxmemory',
  'client-eviction',
  'obuf-limits',
  'info',
]);

/**
 * What 7.4 says otherwise: refusals that name the user, a flag that every user shows, rules that are shown as they were
 * given, ACL LOAD that leaves clients whose users stay.
 */
const NEWER: readonly Change[] = [
  [/\*NOPERM\*keys\*/g, '*NOPERM*key*'],
  [/\*NOPERM\*channels\*/g, '*NOPERM*channel*'],
  [/assert_equal "This user has no permissions/g, 'assert_match "User * has no permissions'],
  [/\{user hpuser on nopass resetchannels/g, '{user hpuser on nopass sanitize-payload resetchannels'],
  [/\{\+@all\}( \$cmdstr\s+r ACL setuser bob >passwd1 on)/g, '{+@all +client|id}$1'],
  [/catch \{r ACL LIST\} e\s+assert_match \{\*I\/O error\*\} \$e\s+reconnect/g, 'r ACL LIST'],
];
/** What tests take from tests that are left out, or say in passing of commands that are not there yet. */
const WITHOUT_THE_ABSENT: readonly Change[] = [
  [
    /test \{Existence test commands are not marked as access\} \{/g,
    '$&\n        r ACL setuser command-test +@all %R~read* %W~write* %RW~rw*',
  ],
];

type Change = readonly [pattern: RegExp, replacement: string];

/** The tree whose `redis-server` is Starling; made anew each time. */
export function treeWithStarling(tree: string): string {
  const twin = join(dirname(tree), `starling-${basename(tree)}`);
  rmSync(twin, { recursive: true, force: true });
  mkdirSync(join(twin, 'src'), { recursive: true });
  for (const name of ['runtest', 'tests']) cpSync(join(tree, name), join(twin, name), { recursive: true });
  rmSync(join(twin, 'tests', 'tmp'), { recursive: true, force: true });
  mkdirSync(join(twin, 'tests', 'tmp'));
  for (const name of readdirSync(join(tree, 'src'))) {
    if (/^redis-(cli|benchmark|check-\w+)$/.test(name)) symlinkSync(join(tree, 'src', name), join(twin, 'src', name));
  }
  writeFileSync(join(twin, 'src', 'redis-server'), launcher(), { mode: 0o755 });
  for (const unit of OWN_SERVERS) renew(join(twin, 'tests', 'unit', `${unit}.tcl`));
  return twin;
}

/** The suite waits for a line with the process id. */
function launcher(): string {
  const cli = resolve('src/cli.ts');
  const flags = '--listen /ip4/127.0.0.1/tcp/0 --no-mdns --cluster "suite-$$"';
  return `#!/bin/sh\necho "Starling, PID: $$"\nexec '${process.execPath}' --import tsx '${cli}' "$@" ${flags}\n`;
}

function renew(file: string): void {
  if (!existsSync(file)) throw new Error(`the suite has no ${file}`);
  let text = readFileSync(file, 'latin1');
  for (const [pattern, replacement] of [...NEWER, ...WITHOUT_THE_ABSENT]) text = text.replace(pattern, replacement);
  writeFileSync(file, text, 'latin1');
}
