/** The envelope that docs/protocol.md takes apart byte by byte is what the core makes. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, NO_DEADLINE, Slice } from '../../src/core/index.ts';

const PAGE = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const EXPIRES_MS = 1767225610000;

function bytesOfPage(): string {
  const [, block = ''] = /```hex\n([\s\S]*?)```/.exec(PAGE) ?? [];
  return block
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/)[0].replaceAll(' ', ''))
    .join('');
}

test('the example of an envelope is made of the commands that stand above it', () => {
  const engine = createEngine({ replica: '00000000000000aa', hashSeed: 1 });
  engine.setNow(Date.UTC(2026, 0, 1));
  const [zero, , two] = engine.databases;
  const effects: (() => void)[] = [
    () => zero.strings.write(Slice.of('k'), Slice.of('v'), NO_DEADLINE),
    () => zero.strings.addInteger(Slice.of('n'), 5),
    () => {
      two.sets.add(Slice.of('s'), Slice.of('x'));
      two.sets.add(Slice.of('s'), Slice.of('y'));
    },
    () => zero.strings.write(Slice.of('n'), Slice.of('0'), EXPIRES_MS),
  ];
  for (const effect of effects) {
    engine.begin();
    effect();
    engine.commit();
  }
  assert.is(Buffer.from(engine.seal()?.bytes ?? []).toString('hex'), bytesOfPage());
});

test('another replica that is given those bytes holds the same', () => {
  const engine = createEngine({ replica: '00000000000000bb', hashSeed: 2 });
  engine.setNow(Date.UTC(2026, 0, 1));
  assert.equal(engine.receive(Buffer.from(bytesOfPage(), 'hex')), { kind: 'applied', txns: 4 });
  const [zero, , two] = engine.databases;
  const value = new Slice();
  zero.strings.read(Slice.of('n'), value);
  assert.is(value.text(), '0');
  assert.is(zero.deadlineOf(Slice.of('n')), EXPIRES_MS);
  assert.is(two.sets.size(Slice.of('s')), 2);
});

test.run();
