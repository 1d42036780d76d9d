/**
 * What a state transfer costs by how much differs: two nodes in this process, over a real connection on loopback, hold the
 * same keys; some get other values on one of them while the two do not talk, until its log does not reach back; then they
 * talk again. Counted are all bytes on the connection, encryption and pings included, in both directions from there until
 * both hold the same, beside those of a full copy to an empty node. Also the longest time for which this process, with
 * both nodes in it, did nothing else.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Slice } from '../../src/core/index.ts';
import { connected, converged, NOWHERE, startHidden, TestNode, until } from '../../test/mesh/meshes.ts';
import { COLORS, curve, GRID, label, line, MARK, picture } from './drawing.ts';
import { Relay } from './relay.ts';

/** One envelope: who was away for two needs a state transfer. */
const NO_LOG = { logBytesMax: 1 };
const KEYS_PER_TXN = 1000;
const WAIT_MS = 300_000;
const KEY_BYTES = 16;

export interface TransferPlan {
  readonly keys: number;
  readonly differing: readonly number[];
}

export interface TransferCost {
  /** Keys that differed; null: a full copy to an empty node. */
  readonly differing: number | null;
  readonly bytes: number;
  readonly seconds: number;
  readonly pauseMs: number;
}

export async function measureTransfers(plan: TransferPlan, progress: (line: string) => void): Promise<TransferCost[]> {
  const { node: a, address } = await startHidden(NO_LOG);
  progress(`${plan.keys} keys`);
  write(a, plan.keys, 1, 0);
  forget(a);
  progress('a full copy');
  const relay = await Relay.open(Number(/\d+$/.exec(address)?.[0]));
  const b = await TestNode.start({ ...NO_LOG, announce: [NOWHERE] });
  const costs = [await costOf(a, b, relay, null, () => b.mesh.join(`/ip4/127.0.0.1/tcp/${relay.port}`))];
  for (const [round, differing] of plan.differing.entries()) {
    progress(`${differing} keys differ`);
    for (const node of [a, b]) node.mesh.setPaused(true);
    if (differing > 0) write(a, plan.keys, plan.keys / differing, round + 1);
    forget(a);
    costs.push(
      await costOf(a, b, relay, differing, () => {
        for (const node of [a, b]) node.mesh.setPaused(false);
      }),
    );
  }
  await a.stop();
  await b.stop();
  await relay.cut();
  return costs;
}

/** 0, and the powers of ten up to all keys. */
export function differences(keys: number): number[] {
  const found = [0];
  for (let differing = 1; differing < keys; differing *= 10) found.push(differing);
  return [...found, keys];
}

/** From `begin` until both hold the same. */
async function costOf(
  a: TestNode,
  b: TestNode,
  relay: Relay,
  differing: number | null,
  begin: () => unknown,
): Promise<TransferCost> {
  const transfers = b.counter('transfers_received');
  const before = relay.bytes;
  const startMs = performance.now();
  const pauses = monitorEventLoopDelay({ resolution: 5 });
  pauses.enable();
  await begin();
  await connected([a, b]);
  await until('a state transfer', () => b.counter('transfers_received') > transfers, WAIT_MS);
  await converged([a, b], WAIT_MS);
  pauses.disable();
  if (b.counter('transfers_received') !== transfers + 1) throw new Error('one transfer was not enough');
  const seconds = (performance.now() - startMs) / 1000;
  return { differing, bytes: relay.bytes - before, seconds, pauseMs: pauses.max / 1e6 };
}

/** Every `step`-th of so many keys gets the value of that round; keys and values of 16 bytes. */
function write(node: TestNode, keys: number, step: number, round: number): void {
  const value = Buffer.from(`value ${round}`.padEnd(KEY_BYTES, '.'));
  for (let next = 0; next < keys; ) {
    node.txn((db) => {
      for (let i = 0; i < KEYS_PER_TXN && next < keys; i++, next += step) {
        const key = `key:${String(Math.floor(next)).padStart(KEY_BYTES - 4, '0')}`;
        db.strings.write(Slice.of(key), new Slice(value, 0, value.length), -1);
      }
    });
    node.engine.seal();
  }
}

/** Two txns after which all is as before, but that the log holds only the second. */
function forget(node: TestNode): void {
  node.set('passing', 'x');
  node.engine.seal();
  node.remove('passing');
  node.engine.seal();
}

/** Markdown: a row for each number of differing keys. */
export function transferTable(keys: number, costs: readonly TransferCost[]): string {
  const whole = fullBytes(costs);
  const rows = costs.map(({ differing, bytes, seconds, pauseMs }) => {
    const share = `${((100 * bytes) / whole).toFixed(bytes < whole / 100 ? 3 : 1)} %`;
    const name = differing === null ? 'a full copy' : differing.toLocaleString('en-US');
    return `| ${name} | ${Math.round(bytes).toLocaleString('en-US')} | ${share} | ${seconds.toFixed(1)} s | ${Math.round(pauseMs).toLocaleString('en-US')} ms |`;
  });
  return [
    `| of ${keys.toLocaleString('en-US')} keys differ | bytes, both directions | of a full copy | until equal | longest pause |`,
    '| ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}

function fullBytes(costs: readonly TransferCost[]): number {
  const whole = costs.find(({ differing }) => differing === null);
  if (whole === undefined) throw new Error('no full copy');
  return whole.bytes;
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 400, 70, 50];

/** The same as a curve, both axes by powers of ten; keys that differ to the right, share of a full copy upward. SVG. */
export function transferPlot(keys: number, costs: readonly TransferCost[]): string {
  const whole = fullBytes(costs);
  const points = costs.flatMap(({ differing, bytes }) =>
    differing === null || differing === 0 ? [] : [{ differing, percent: (100 * bytes) / whole }],
  );
  const x = (differing: number) => LEFT + ((WIDTH - LEFT - 30) * Math.log10(differing)) / Math.log10(keys);
  const top = 2.5;
  const y = (percent: number) => 20 + ((HEIGHT - BOTTOM - 20) * (top - Math.log10(percent))) / (top + 1);
  const rows = [0.1, 1, 10, 100].flatMap((percent) => [
    line(LEFT, y(percent), WIDTH - 30, y(percent), GRID),
    label(LEFT - 8, y(percent) + 4, `${percent} %`, 'end'),
  ]);
  const columns = points.flatMap(({ differing }) => [
    line(x(differing), 20, x(differing), HEIGHT - BOTTOM, GRID),
    label(x(differing), HEIGHT - BOTTOM + 18, differing.toLocaleString('en-US'), 'middle'),
  ]);
  return picture(WIDTH, HEIGHT, [
    ...rows,
    ...columns,
    line(LEFT, y(3), WIDTH - 30, y(3), MARK),
    label(WIDTH - 34, y(3) - 5, '3 %', 'end'),
    ...curve(
      points.map(({ differing, percent }) => [x(differing), y(percent)]),
      COLORS[0],
    ),
    label((WIDTH + LEFT) / 2, HEIGHT - 12, `keys that differ, of ${keys.toLocaleString('en-US')}`, 'middle'),
    label(LEFT, 14, 'bytes of a state transfer, as a share of a full copy', 'start'),
  ]);
}
