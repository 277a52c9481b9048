import type { BenchRecord } from './client.ts';

const KEY_BYTES = 8;
const VALUE_BYTES = 200;
/** What no codec can make smaller; the rest is words, so that gzip reaches about 1 to 3. */
const RANDOM_BYTES = 60;
const WORDS = ['shipped ', 'order ', 'customer ', 'invoice ', 'pending ', 'warehouse ', 'street ', 'paid '];

/** mulberry32: the same records for every client and run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Records with keys of 8 bytes and values of 200, spread over the partitions in turn. */
export function benchRecords(count: number, partitions: number): readonly BenchRecord[] {
  const random = randomOf(7);
  return Array.from({ length: count }, (_, index) => {
    const key = Buffer.alloc(KEY_BYTES);
    key.writeUInt32BE(index, 4);
    const noise = Buffer.from(Array.from({ length: RANDOM_BYTES }, () => Math.floor(random() * 256)));
    let words = '';
    while (words.length < VALUE_BYTES) words += WORDS[Math.floor(random() * WORDS.length)]!;
    const value = Buffer.concat([noise, Buffer.from(words)]).subarray(0, VALUE_BYTES);
    return { partition: index % partitions, key, value };
  });
}
