import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkRows } from '../../../../connectors/postgres-source/copies/chunk-rows.ts';
import { type Chunk, ChunkWindow } from '../../../../connectors/postgres-source/copies/chunk-window.ts';
import { ChunkWindows } from '../../../../connectors/postgres-source/copies/chunk-windows.ts';
import { newCopy } from '../../../../connectors/postgres-source/copies/copy-state.ts';
import { parseVisibility } from '../../../../connectors/postgres-source/copies/visibility.ts';

const OID = 7;
const NOWHERE = 0;

function chunkOf(...keys: string[]): Chunk {
  const from = newCopy(OID, true);
  return {
    relation: { oid: OID, schema: 's', table: 't', identity: 'd', columns: [] },
    rows: new ChunkRows(
      keys.map((key) => ({ segment: Buffer.from(key), at: NOWHERE })),
      ({ segment }) => String(segment),
    ),
    from,
    next: { ...from, chunks: 1 },
    last: false,
  };
}

function keysOf(window: ChunkWindow): string[] | null {
  return window.chunk === null
    ? null
    : Array.from(window.chunk.rows.values(), ({ segment }) => String(segment));
}

test('S79 a row that changes after the read is left to the stream', () => {
  const window = new ChunkWindow('w', OID, []);
  window.read(parseVisibility('10:10:'), chunkOf('a', 'b', 'c'));
  window.touch(10, 'b', false);
  expect(keysOf(window)).toEqual(['a', 'c']);
});

test('a row that changed before the read is published: the read has the change', () => {
  const window = new ChunkWindow('w', OID, []);
  window.touch(9, 'a', false);
  window.read(parseVisibility('10:10:'), chunkOf('a', 'b'));
  window.touch(8, 'b', true);
  expect(keysOf(window)).toEqual(['a', 'b']);
});

test('S79b a commit that was streamed before the read and that the read does not see takes its rows out', () => {
  const window = new ChunkWindow('w', OID, []);
  window.touch(9, 'a', false);
  window.read(parseVisibility('9:12:9'), chunkOf('a', 'b'));
  expect(keysOf(window)).toEqual(['b']);
});

test('S79b a commit from before the window that the read does not see: its keys are unknown, the chunk is read again', () => {
  const windows = new ChunkWindows();
  windows.count();
  windows.begin(9, false);
  const window = windows.open('w', OID, 0);
  window.read(parseVisibility('9:12:9'), chunkOf('a'));
  expect(window.chunk).toBeNull();
  windows.close(window);
  windows.forget(parseVisibility('12:12:'));
  const next = windows.open('x', OID, 0);
  next.read(parseVisibility('12:12:'), chunkOf('a'));
  expect(keysOf(next)).toEqual(['a']);
});

test('what the stream delivers is told without the marks of chunks', () => {
  const windows = new ChunkWindows();
  for (const xid of [5, 6, 7]) {
    windows.begin(xid, false);
    if (xid === 6) windows.mark('w');
  }
  expect(windows.delivered).toBe(2);
});

test('a transaction that is delivered a second time, its keys untold, counts as one from before', () => {
  const windows = new ChunkWindows();
  windows.count();
  const window = windows.open('w', OID, 0);
  windows.begin(11, true);
  window.read(parseVisibility('11:12:11'), chunkOf('a'));
  expect(window.chunk).toBeNull();
});

test('a change that lacks an out-of-line value does not stand for the row: the chunk is read again', () => {
  const window = new ChunkWindow('w', OID, []);
  window.read(parseVisibility('10:10:'), chunkOf('a', 'b'));
  window.touch(10, 'z', true);
  expect(keysOf(window)).toEqual(['a', 'b']);
  window.touch(10, 'a', true);
  expect(window.chunk).toBeNull();
});

test('S76 another shape in the stream spoils a window, and the plan that was made before it', () => {
  const windows = new ChunkWindows();
  const shape = windows.shape(OID);
  const window = windows.open('w', OID, shape);
  window.read(parseVisibility('10:10:'), chunkOf('a'));
  windows.reshape(OID);
  expect(window.chunk).toBeNull();
  const late = windows.open('x', OID, shape);
  late.read(parseVisibility('10:10:'), chunkOf('a'));
  expect(late.chunk).toBeNull();
  const planned = windows.open('y', OID, windows.shape(OID));
  planned.read(parseVisibility('10:10:'), chunkOf('a'));
  expect(keysOf(planned)).toEqual(['a']);
});

test('the mark of another source, or of an earlier session, is nobody’s place', () => {
  const windows = new ChunkWindows();
  const window = windows.open('mine', OID, 0);
  windows.begin(1, false);
  windows.mark('theirs');
  expect(windows.takeMarked()).toBeNull();
  windows.begin(2, false);
  windows.mark('mine');
  expect(windows.takeMarked()).toBe(window);
  expect(windows.of(OID)).toBeUndefined();
});

test('the count of streamed transactions is bounded: past the bound every chunk is read again, behind a new wait', () => {
  const windows = new ChunkWindows();
  windows.count();
  const { generation } = windows;
  const window = windows.open('w', OID, 0);
  for (let xid = 1; xid <= 1_000_001; xid++) windows.begin(xid, false);
  window.read(parseVisibility('2000000:2000000:'), chunkOf('a'));
  expect(window.chunk).toBeNull();
  expect(windows.generation).toBe(generation + 1);
});

/** What a transaction does in the model: writes its number into a few rows. */
interface Write {
  readonly keys: readonly number[];
  /** Places behind its commit record at which it becomes visible. */
  readonly limbo: number;
}

const KEYS = 4;
const writes = fc.array(
  fc.record({
    keys: fc.uniqueArray(fc.integer({ min: 0, max: KEYS - 1 }), { minLength: 1, maxLength: 2 }),
    limbo: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 12 },
);

/**
 * Transactions commit at places 0, 1, 2 ... of the WAL; transaction i has xid 100 + i, and a SELECT sees it from place
 * i + 1 + limbo on. A later writer of a row waits until the earlier one is visible, as row locks make it.
 */
function visibleFrom(history: readonly Write[]): number[] {
  const from: number[] = [];
  for (const [i, { limbo }] of history.entries()) from.push(i + 1 + limbo);
  return from;
}

function lockable(history: readonly Write[], from: readonly number[]): boolean {
  return history.every(({ keys }, i) =>
    history
      .slice(0, i)
      .every((earlier, j) => (from[j] ?? 0) <= i || !earlier.keys.some((k) => keys.includes(k))),
  );
}

test('S67 S79b whatever is streamed before the read, during it and after: no row goes back, no change is missing', () => {
  let chunks = 0;
  fc.assert(
    fc.property(writes, fc.nat(12), fc.nat(12), fc.nat(12), (history, a, b, c) => {
      const from = visibleFrom(history);
      fc.pre(lockable(history, from));
      // The window opens at a place that the stream has come to, the read is at or behind it, the mark behind the read.
      const [opened = 0, readAt = 0, marked = 0] = [a, b, c].toSorted((x, y) => x - y);
      const windows = new ChunkWindows();
      windows.count();
      const topic = new Map<number, number>();
      const deliver = (i: number, window: ChunkWindow | null): void => {
        windows.begin(100 + i, false);
        for (const key of history[i]?.keys ?? []) {
          topic.set(key, i);
          if (window !== null) windows.touch(window, String(key), false);
        }
      };
      const end = history.length;
      for (let i = 0; i < Math.min(opened, end); i++) deliver(i, null);
      const window = windows.open('w', OID, 0);
      // The stream may have come anywhere from the opening to the read when the answer arrives.
      for (let i = opened; i < Math.min(readAt, end); i++) deliver(i, window);
      const committed = history.slice(0, readAt);
      const running = committed.flatMap((_, i) => ((from[i] ?? 0) > readAt ? [100 + i] : []));
      const xmax = 100 + committed.length;
      const table = new Map<number, number>(Array.from({ length: KEYS }, (_, key) => [key, -1]));
      for (const [i, { keys }] of committed.entries())
        if (!running.includes(100 + i)) for (const key of keys) table.set(key, i);
      const text = `${Math.min(xmax, ...running)}:${xmax}:${running.join(',')}`;
      window.read(parseVisibility(text), chunkOf(...[...table.keys()].map(String)));
      for (let i = readAt; i < Math.min(marked, end); i++) deliver(i, window);
      for (const key of keysOf(window) ?? []) {
        const value = table.get(Number(key)) ?? -1;
        expect(value).toBeGreaterThanOrEqual(topic.get(Number(key)) ?? -1);
        topic.set(Number(key), value);
      }
      const complete = window.chunk !== null;
      if (complete) chunks++;
      for (let i = Math.min(marked, end); i < end; i++) deliver(i, null);
      const final = new Map<number, number>(Array.from({ length: KEYS }, (_, key) => [key, -1]));
      for (const [i, { keys }] of history.entries()) for (const key of keys) final.set(key, i);
      for (const [key, value] of final) if (complete || topic.has(key)) expect(topic.get(key)).toBe(value);
    }),
    { numRuns: 2000 },
  );
  expect(chunks).toBeGreaterThan(200);
});
