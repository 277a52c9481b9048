import { expect, test } from 'vitest';
import type { FetchedBatch } from '../../../../connectors/kafka/port.ts';
import type { InputTopic } from '../../../../processors/engine/runtime/input-topics.ts';
import { PartitionBuffer } from '../../../../processors/engine/runtime/partition-buffer.ts';
import { StateReadAhead } from '../../../../processors/engine/runtime/state-read-ahead.ts';
import { type TaskState, memoryHome } from '../../../../processors/engine/state/task-state.ts';

const inMemory = await memoryHome().open('0_0', []);
const SLICE = 2;

const inputOf = (isInternal: boolean): PartitionBuffer =>
  new PartitionBuffer(
    {
      topic: 't',
      isTable: false,
      isInternal,
      sources: ['t'],
      decoder: { load: () => Promise.resolve(), decode: () => null },
      admit: ({ offset: time, timestamp: commitTime }) => [
        {
          sourceId: 't',
          record: { key: null, keyBody: null, value: null, oldValue: null, time, commitTime },
        },
      ],
    } satisfies InputTopic,
    0,
    0,
    null,
  );

function batchOf(keys: readonly string[], from: number): FetchedBatch {
  const place = { topic: 't', partition: 0 };
  const nextOffset = from + keys.length;
  const records = keys.map((key, i) => ({
    ...place,
    offset: from + i,
    timestamp: 0,
    key: Buffer.from(key),
    value: null,
    headers: [],
  }));
  return { ...place, records, nextOffset, lastStableOffset: nextOffset };
}

/** State whose reads end when they are let go. */
function slowState() {
  const asked: string[][] = [];
  const release: (() => void)[] = [];
  const state: TaskState = {
    ...inMemory,
    async readAhead(keys) {
      asked.push(keys.map(String));
      await new Promise<void>((resolve) => release.push(resolve));
    },
  };
  return { state, asked, release };
}

function take(input: PartitionBuffer, count: number): void {
  for (let i = 0; i < count; i++) {
    expect(input.head).not.toBeNull();
    input.shift();
  }
}

/** Whether a promise is fulfilled by what has happened so far. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([
    promise.then(() => true),
    new Promise<false>((done) => setImmediate(done, false)),
  ]);
}

test('each key is asked for once, a slice before its record is processed', async () => {
  const input = inputOf(true);
  const { state, asked, release } = slowState();
  const ahead = new StateReadAhead([input], state);
  input.push(batchOf(['a', 'b', 'c'], 0), 1);
  input.push(batchOf(['d', 'e', 'f', 'g'], 3), 1);

  const first = ahead.next(SLICE);
  expect(asked).toEqual([['a', 'b', 'c', 'd']]);
  expect(await isDone(first)).toBe(false);
  release[0]?.();
  await first;

  take(input, SLICE);
  const second = ahead.next(SLICE);
  expect(asked[1]).toEqual(['e', 'f']);
  // What it needs was read before: the next reads go on beside it.
  expect(await isDone(second)).toBe(true);

  take(input, SLICE);
  const third = ahead.next(SLICE);
  expect(asked[2]).toEqual(['g']);
  expect(await isDone(third)).toBe(false);
  release[1]?.();
  expect(await isDone(third)).toBe(true);

  take(input, 3);
  expect(input.head).toBeNull();
  input.push(batchOf(['h'], 7), 2);
  const last = ahead.next(SLICE);
  expect(asked[3]).toEqual(['h']);
  release[2]?.();
  expect(await isDone(last)).toBe(false);
  release[3]?.();
  await last;
});

test('keys of other topics than the own ones are asked for without their frame', async () => {
  const input = inputOf(false);
  const { state, asked, release } = slowState();
  input.push(batchOf(['frameBODY'.replace('frame', '\0\0\0\0\u0007')], 0), 1);
  const done = new StateReadAhead([input], state).next(SLICE);
  release[0]?.();
  await done;
  expect(asked).toEqual([['BODY']]);
});

test('a read that fails is told by the call that needs it', async () => {
  const input = inputOf(true);
  input.push(batchOf(['a'], 0), 1);
  const readAhead = (): Promise<void> => Promise.reject(new TypeError('damaged'));
  const ahead = new StateReadAhead([input], { ...inMemory, readAhead });
  await expect(ahead.next(SLICE)).rejects.toThrow('damaged');
});

test('state in memory is not read ahead', async () => {
  const input = inputOf(true);
  input.push(batchOf(['a'], 0), 1);
  await new StateReadAhead([input], inMemory).next(SLICE);
  expect(input.isAnnounced(1)).toBe(false);
});

test('what is read again after a rewind is asked for again', async () => {
  const input = inputOf(true);
  const { state, asked, release } = slowState();
  const ahead = new StateReadAhead([input], state);
  input.push(batchOf(['a', 'b', 'c', 'd', 'e'], 0), 1);
  const before = ahead.next(SLICE);
  release.forEach((done) => done());
  await before;
  input.rewind();
  input.push(batchOf(['a', 'b'], 0), 2);
  const after = ahead.next(SLICE);
  release.forEach((done) => done());
  await after;
  expect(asked).toEqual([
    ['a', 'b', 'c', 'd'],
    ['a', 'b'],
  ]);
});
