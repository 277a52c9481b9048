import { expect, test } from 'vitest';
import { ReadAhead } from '../../../../processors/engine/state/read-ahead.ts';

const text = (value: Buffer | null | undefined): string | null | undefined => value && value.toString();
const keysOf = (from: number, to: number): Buffer[] =>
  Array.from({ length: to - from }, (_, i) => Buffer.from(`k${from + i}`));
const unknown = (): boolean => false;

/** Reads of keys whose value is their own name, until they are let go one by one. */
function heldReads() {
  const asked: string[][] = [];
  const release: (() => void)[] = [];
  const ahead = new ReadAhead(async (keys) => {
    asked.push(keys.map(String));
    await new Promise<void>((resolve) => release.push(resolve));
    return [...keys];
  });
  return { ahead, asked, release };
}

function reads(valueBytes = 0) {
  const asked: number[] = [];
  const ahead = new ReadAhead((keys) => {
    asked.push(keys.length);
    return Promise.resolve(keys.map((key) => Buffer.concat([key, Buffer.alloc(valueBytes)])));
  });
  return { ahead, asked };
}

test('what was read is handed out once, and only what is not known is read', async () => {
  const { ahead, asked, release } = heldReads();
  const done = ahead.fetch([...keysOf(0, 3), ...keysOf(0, 1)], (id) => id === 'k1');
  release[0]?.();
  await done;
  expect(asked).toEqual([['k0', 'k2']]);
  expect(text(ahead.take('k0'))).toBe('k0');
  expect(ahead.take('k0')).toBeUndefined();
  expect(ahead.take('k1')).toBeUndefined();
});

test('a value that is committed while it is read, or after, is not handed out', async () => {
  const { ahead, release } = heldReads();
  const first = ahead.fetch(keysOf(0, 2), unknown);
  ahead.forget('k0');
  release[0]?.();
  await first;
  expect(ahead.take('k0')).toBeUndefined();
  ahead.forget('k1');
  expect(ahead.take('k1')).toBeUndefined();
  const second = ahead.fetch(keysOf(0, 2), unknown);
  release[1]?.();
  await second;
  expect(text(ahead.take('k0'))).toBe('k0');
});

test('a store that goes by other keys is soon left alone, and tried again later', async () => {
  const { ahead, asked } = reads();
  for (let i = 0; i < 300; i++) await ahead.fetch(keysOf(i * 1_000, (i + 1) * 1_000), unknown);
  expect(asked.length).toBeLessThan(10);
  expect(asked.length).toBeGreaterThan(4);
});

test('a store that asks for what is read goes on being read ahead', async () => {
  const { ahead, asked } = reads();
  for (let i = 0; i < 100; i++) {
    await ahead.fetch(keysOf(i * 1_000, (i + 1) * 1_000), unknown);
    for (const key of keysOf(i * 1_000, i * 1_000 + 500)) ahead.take(key.toString());
  }
  expect(asked).toHaveLength(100);
});

test('of large values few are read, and what was read first is let go', async () => {
  const { ahead, asked } = reads(100_000);
  for (let i = 0; i < 20; i++) await ahead.fetch(keysOf(i * 100, i * 100 + 100), unknown);
  expect(asked.at(-1)).toBeLessThan(25);
  expect(ahead.take('k0')).toBeUndefined();
  expect(ahead.take('k1900')).toBeDefined();
});
