/** The arena: blocks never overlap, freed ones are used again, and the figures add up. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Arena, offsetOf, sameClass, segmentOf } from '../../src/core/arena.ts';

const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 3, arbitrary: fc.integer({ min: 257, max: 70_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(1 << 16, (1 << 18) - 16, (1 << 20) + 1, (1 << 22) - 5, (1 << 22) + 1) },
);

interface Block {
  reference: number;
  bytes: number;
  mark: number;
}

function fill(arena: Arena, { reference, bytes, mark }: Block): void {
  const start = offsetOf(reference);
  arena.buffers[segmentOf(reference)].fill(mark, start, start + bytes);
}

function isIntact(arena: Arena, { reference, bytes, mark }: Block): boolean {
  const start = offsetOf(reference);
  const buffer = arena.buffers[segmentOf(reference)];
  if (start + bytes > buffer.length) return false;
  for (let i = start; i < start + bytes; i++) if (buffer[i] !== mark) return false;
  return true;
}

test('no block overlaps another, whatever is allocated and freed', () => {
  const operation = fc.record({ bytes: size, free: fc.boolean(), which: fc.nat(1000) });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120, size: 'max' }), (operations) => {
      const arena = new Arena();
      const blocks: Block[] = [];
      operations.forEach(({ bytes, free, which }, i) => {
        if (free && blocks.length > 0) {
          const [block] = blocks.splice(which % blocks.length, 1);
          assert.ok(isIntact(arena, block));
          arena.free(block.reference, block.bytes);
          return;
        }
        const block = { reference: arena.allocate(bytes), bytes, mark: (i % 250) + 1 };
        assert.is.not(block.reference, 0);
        assert.is(offsetOf(block.reference) % 16, 0);
        fill(arena, block);
        blocks.push(block);
      });
      for (const block of blocks) assert.ok(isIntact(arena, block));
      const payload = blocks.reduce((total, { bytes }) => total + bytes, 0);
      assert.ok(arena.usedBytes >= payload);
      assert.ok(arena.usedBytes <= arena.totalBytes);
      for (const block of blocks) arena.free(block.reference, block.bytes);
      assert.is(arena.usedBytes, 0);
    }),
    { numRuns: 60 },
  );
});

test('what was freed is handed out again: the same work again and again takes no more memory', () => {
  const arena = new Arena();
  const sizes = Array.from({ length: 500 }, (_, i) => (i * 37) % 3000);
  const round = () => {
    const references = sizes.map((bytes) => arena.allocate(bytes));
    references.forEach((reference, i) => {
      arena.free(reference, sizes[i]);
    });
  };
  round();
  const after = arena.totalBytes;
  for (let i = 0; i < 50; i++) round();
  assert.is(arena.totalBytes, after);
  assert.is(arena.usedBytes, 0);
});

test('a block over four mebibytes has its own segment, which goes with it', () => {
  const arena = new Arena();
  const small = arena.allocate(100);
  const before = arena.totalBytes;
  const bytes = (1 << 22) + 1;
  const large = arena.allocate(bytes);
  assert.is.not(segmentOf(large), segmentOf(small));
  assert.ok(arena.totalBytes >= before + bytes);
  arena.free(large, bytes);
  assert.is(arena.totalBytes, before);
  const again = arena.allocate(bytes);
  assert.is(segmentOf(again), segmentOf(large));
});

test('a large block as the very first one is not the reference that means none', () => {
  const arena = new Arena();
  const reference = arena.allocate(1 << 23);
  assert.is.not(reference, 0);
  assert.is(arena.buffers[segmentOf(reference)].length, 1 << 23);
  arena.free(reference, 1 << 23);
  assert.is(arena.usedBytes, 0);
});

test('blocks of one size class can stand for each other, and only those', () => {
  for (let bytes = 1; bytes < 20_000; bytes += 7) {
    const arena = new Arena();
    arena.allocate(bytes);
    const capacity = arena.usedBytes;
    assert.ok(capacity >= bytes);
    assert.ok(capacity - bytes < 16 + bytes / 4, `${capacity} for ${bytes}`);
    assert.ok(sameClass(bytes, capacity), `${bytes} and ${capacity}`);
    assert.not(sameClass(bytes, capacity + 1), `${bytes} and ${capacity + 1}`);
  }
});

test.run();
