import { expect, test } from 'vitest';
import { giveMemory, takeMemory } from '../../../connectors/kafka/batch-memory.ts';

const MIB = 1024 * 1024;

test('memory that was given back is used again, by who needs that size', () => {
  const large = takeMemory(900_000);
  expect(large.length).toBe(MIB);
  giveMemory(large);
  expect(takeMemory(1)).not.toBe(large);
  expect(takeMemory(MIB)).toBe(large);
  expect(takeMemory(MIB)).not.toBe(large);
});

test('what is larger than a batch is not kept', () => {
  const huge = takeMemory(MIB + 1);
  giveMemory(huge);
  expect(takeMemory(MIB + 1)).not.toBe(huge);
});

test('no more than 32 MiB are kept, again and again', () => {
  for (let round = 0; round < 3; round++) {
    const taken = Array.from({ length: 40 }, () => takeMemory(MIB));
    for (const buffer of taken) giveMemory(buffer);
    const again = Array.from({ length: 40 }, () => takeMemory(MIB));
    const kept = again.filter((buffer) => taken.includes(buffer)).length;
    expect(kept).toBeLessThanOrEqual(32);
    expect(kept).toBeGreaterThan(24);
    for (const buffer of again) giveMemory(buffer);
  }
});
