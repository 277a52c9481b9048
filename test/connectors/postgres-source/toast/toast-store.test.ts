import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ToastStore } from '../../../../connectors/postgres-source/toast/toast-store.ts';

const ID = { systemId: '7', slot: 's', publicationOid: 9, topicPrefix: 'p' };
const KEY = Buffer.from('key');
const value = (text: string) => ({ avro: Buffer.from(text), special: null });

function file(): string {
  const dir = mkdtempSync(join(tmpdir(), 'toast-store-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, 'deep', 'store.sqlite');
}

/** A store with one value, up to LSN 100. */
function filled(path: string): ToastStore {
  const store = ToastStore.open(path, ID, null);
  const { id } = store.begin('t', 5, null, [0, 0]);
  const puts = [
    { field: store.fields(id, ['big'])[0] as number, value: { avro: Buffer.from('x'), special: 'infinity' } },
  ];
  store.apply([{ topic: id, key: KEY, gone: false, drops: [], puts }], [[id, [3, 4]]], 100n);
  return store;
}

test('values, offsets and position survive together', () => {
  const path = file();
  filled(path)[Symbol.dispose]();
  using store = ToastStore.open(path, ID, 100n);
  expect(store.topic('t')).toEqual({ id: 1, oid: 5, since: null, offsets: [3, 4] });
  expect(store.position).toBe(100n);
  const [big = 0] = store.fields(1, ['big']);
  expect(store.get(1, KEY, big)).toEqual({ avro: Buffer.from('x'), special: 'infinity' });
  expect(store.get(1, Buffer.from('other'), big)).toBeNull();
});

test('what a process that was killed has committed is there, and nothing else', () => {
  const path = file();
  // Not closed: as after a kill, the log is beside the file.
  const killed = filled(path);
  onTestFinished(() => killed[Symbol.dispose]());
  using store = ToastStore.open(path, ID, 100n);
  expect(store.topic('t')?.offsets).toEqual([3, 4]);
});

test.each([
  ['another slot', { ...ID, slot: 'other' }, 100n],
  ['a position that is older than the store', ID, 99n],
  ['a new start', ID, null],
])('%s begins with nothing', (_, identity, position) => {
  const path = file();
  filled(path)[Symbol.dispose]();
  using store = ToastStore.open(path, identity, position);
  expect(store.topic('t')).toBeNull();
});

test('a file that is no store is made anew', () => {
  const path = file();
  filled(path)[Symbol.dispose]();
  for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true });
  writeFileSync(path, 'not a database, but long enough to be read as one'.repeat(100));
  using store = ToastStore.open(path, ID, 100n);
  expect(store.topic('t')).toBeNull();
});

test('a process that was taken for dead writes no more', () => {
  const path = file();
  using old = filled(path);
  using store = ToastStore.open(path, ID, 100n);
  expect(() => old.apply([], [], 200n)).toThrow(
    expect.objectContaining({ code: 'source.toast_store_taken', order: 'fenced' }),
  );
  expect(store.position).toBe(100n);
});

test('a directory that cannot be made stops the source with the way out', () => {
  const path = file();
  filled(path)[Symbol.dispose]();
  expect(() => ToastStore.open(join(path, 'below', 'x'), ID, null)).toThrow(
    expect.objectContaining({ code: 'source.toast_store', fix: expect.stringContaining('--state-dir') }),
  );
});

test('a row that is gone takes all its values along, a field only its own; a topic begun anew has none', () => {
  using store = ToastStore.inMemory();
  const { id } = store.begin('t', 5, null, [0]);
  const [a = 0, b = 0] = store.fields(id, ['a', 'b']);
  const puts = [
    { field: a, value: value('a') },
    { field: b, value: value('b') },
  ];
  const nothing = { topic: id, key: KEY, gone: false, drops: [], puts: [] };
  store.apply([{ ...nothing, puts }], [], 1n);
  store.apply([{ ...nothing, drops: [a] }], [], 2n);
  expect([store.get(id, KEY, a), store.get(id, KEY, b)?.avro.toString()]).toEqual([null, 'b']);
  store.apply([{ ...nothing, puts }], [], 3n);
  store.apply([{ ...nothing, gone: true, puts: [{ field: a, value: value('again') }] }], [], 4n);
  expect([store.get(id, KEY, a)?.avro.toString(), store.get(id, KEY, b)]).toEqual(['again', null]);
  expect(store.begin('t', 5, 7n, [1])).toEqual({ id, oid: 5, since: 7n, offsets: [1] });
  expect(store.get(id, KEY, a)).toBeNull();
});

test('a column that went and comes again begins empty, whatever is written under its old number later', () => {
  using store = ToastStore.inMemory();
  const { id } = store.begin('t', 5, null, [0]);
  const [a = 0, b = 0] = store.fields(id, ['a', 'b']);
  const late = { topic: id, key: KEY, gone: false, drops: [], puts: [{ field: b, value: value('old') }] };
  store.apply([late], [], 1n);
  expect(store.fields(id, ['a'])).toEqual([a]);
  expect(store.get(id, KEY, b)).toBeNull();
  store.apply([late], [], 2n);
  const [same, again = 0] = store.fields(id, ['a', 'b']);
  expect(same).toBe(a);
  expect(store.get(id, KEY, again)).toBeNull();
});
