import { expect, test } from 'vitest';
import { Slab } from '../../../../connectors/postgres-source/records/slab.ts';

const SLAB_BYTES = 256 * 1024;
const NONE: ReadonlySet<Buffer> = new Set();

/** Fills the slab's memory, and gives it. */
function fill(slab: Slab): Buffer {
  const { buffer } = slab;
  slab.at = buffer.length;
  slab.reserve(1);
  return buffer;
}

test('memory is used again when its records are published, and not while others wait in it', () => {
  const slab = new Slab();
  const [first, second] = [fill(slab), fill(slab)];
  slab.reuse(new Set([first, second]), new Set([second]));
  fill(slab);
  expect(slab.buffer).toBe(first);
  fill(slab);
  expect([first, second]).not.toContain(slab.buffer);
});

test('what is being written into is not taken back, nor what is not ours', () => {
  const slab = new Slab();
  const current = slab.buffer;
  slab.reuse(new Set([current, Buffer.alloc(SLAB_BYTES)]), NONE);
  const next = [fill(slab), slab.buffer];
  expect(next[0]).toBe(current);
  expect(next[1]).not.toBe(current);
});

test('memory of one very large row is not kept', () => {
  const slab = new Slab();
  fill(slab);
  slab.reserve(SLAB_BYTES * 4);
  const large = slab.buffer;
  expect(large.length).toBe(SLAB_BYTES * 4);
  slab.at = large.length;
  slab.reserve(1);
  slab.reuse(new Set([large]), NONE);
  fill(slab);
  expect(slab.buffer.length).toBe(SLAB_BYTES);
});
