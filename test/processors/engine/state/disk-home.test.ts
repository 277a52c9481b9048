import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../../infra/process/clock.ts';
import { createLog } from '../../../../infra/process/log.ts';
import type { PlanStore } from '../../../../processors/engine/plan/plan.ts';
import { DiskHome } from '../../../../processors/engine/state/disk-home.ts';
import type { KeyValueStore, WindowStore } from '../../../../processors/engine/state/store.ts';
import type { TaskState } from '../../../../processors/engine/state/task-state.ts';
import { dieWithParent } from '../../../support/die-with-parent.ts';

const PLANS: readonly PlanStore[] = [
  { name: 'table', kind: 'key-value', key: 'bytes', value: 'bytes', changelog: true },
  { name: 'window', kind: 'window', key: 'bytes', value: 'bytes', changelog: true },
];
const CLEANUP_MS = 60_000;
const log = createLog('silent', 'test');
const bytes = (text: string): Buffer => Buffer.from(text);

/** Where a thousand small tables are made, once for all: in memory, where they wait for no disk. */
const maps = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'millrace-maps-'));
let path = '';

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'millrace-home-'));
  symlinkSync(maps, join(path, 'level-maps'));
});

afterEach(() => rmSync(path, { recursive: true, force: true }));
afterAll(() => rmSync(maps, { recursive: true }));

const homeOf = (clock = systemClock): DiskHome =>
  new DiskHome({ path, cleanupDelayMs: CLEANUP_MS, clock, log });
const table = (state: TaskState): KeyValueStore => state.stores.get('table') as KeyValueStore;
const windows = (state: TaskState): WindowStore => state.stores.get('window') as WindowStore;

const tasksIn = (home: string): string[] => readdirSync(home).filter((name) => name !== 'level-maps');

function checkpoint(offset: number) {
  return { changelogs: { table: offset, window: offset }, inputs: { orders: offset }, time: 1_000 };
}

/** A task with a row and an entry of a window, committed at offset 7, and closed. */
async function leave(rows = 1): Promise<void> {
  await using home = homeOf();
  const state = await home.open('0_0', PLANS);
  for (let i = 0; i < rows; i++) table(state).put(bytes(`k${i}`), bytes(`value ${i}`));
  windows(state).put(bytes('w'), 5, bytes('entry'));
  windows(state).advance(9);
  await state.commit(checkpoint(7), true);
}

function damage(ending: string, at: (length: number) => number): void {
  const folder = join(path, '0_0');
  const files = readdirSync(folder).filter((file) => file.endsWith(ending));
  expect(files).not.toEqual([]);
  for (const file of files) {
    const content = readFileSync(join(folder, file));
    const place = at(content.length);
    content[place] = (content[place] ?? 0) ^ 0xff;
    writeFileSync(join(folder, file), content);
  }
}

test('what is committed is there again, with its checkpoint; what was only staged is not', async () => {
  await leave();
  {
    await using home = homeOf();
    const state = await home.open('0_0', PLANS);
    table(state).put(bytes('k0'), bytes('never committed'));
    windows(state).expire(100);
  }
  await using home = homeOf();
  const state = await home.open('0_0', PLANS);
  expect(state.found).toEqual(checkpoint(7));
  expect(table(state).get(bytes('k0'))?.toString()).toBe('value 0');
  expect(table(state).entries).toBe(1);
  expect(windows(state).oldest()?.value.toString()).toBe('entry');
  expect(windows(state).streamTime).toBe(9);
});

test('a commit without writes does not move the checkpoint on disk', async () => {
  await leave();
  {
    await using home = homeOf();
    const state = await home.open('0_0', PLANS);
    await state.commit(checkpoint(8), true);
  }
  await using home = homeOf();
  expect((await home.open('0_0', PLANS)).found).toEqual(checkpoint(7));
});

test.each([
  ['a log with a flipped bit', '.log', (length: number) => Math.floor(length / 2)],
  ['a manifest with a flipped bit', 'MANIFEST-000002', () => 20],
])('%s is found out, and the state is empty', async (_, ending, at) => {
  await leave(100);
  const folder = join(path, '0_0');
  damage(
    ending.startsWith('MANIFEST')
      ? (readdirSync(folder).find((f) => f.startsWith('MANIFEST')) ?? '')
      : ending,
    at,
  );
  await using home = homeOf();
  const state = await home.open('0_0', PLANS);
  expect(state.found).toMatch(/corrupt|checksum/i);
  expect(table(state).get(bytes('k0'))).toBeNull();
  table(state).put(bytes('k0'), bytes('again'));
  await state.commit(checkpoint(1), true);
});

test('a damaged value is never given out, and the next opening does not use the state', async () => {
  await leave(100);
  // The first opening after it moves what was committed from the log to a table.
  await homeOf()
    .open('0_0', PLANS)
    .then((state) => state.close());
  const folder = join(path, '0_0');
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.ldb')) ?? '');
  const content = readFileSync(file);
  content[content.indexOf('value 42')] = 0;
  writeFileSync(file, content);
  {
    await using home = homeOf();
    const state = await home.open('0_0', PLANS);
    expect(() => table(state).get(bytes('k42'))).toThrow(/checksum/);
  }
  await using home = homeOf();
  expect((await home.open('0_0', PLANS)).found).toMatch(/checksum/);
});

test('state of other stores is not used', async () => {
  await leave();
  await using home = homeOf();
  const [first, second] = PLANS as [PlanStore, PlanStore];
  const state = await home.open('0_0', [{ ...first, value: 'string' }, second]);
  expect(state.found).toMatch(/other stores/);
  expect(table(state).entries).toBe(0);
});

test('state that is open is refused to everybody else', async () => {
  await using first = homeOf();
  await first.open('0_0', PLANS);
  await using second = homeOf();
  await expect(second.open('0_0', PLANS)).rejects.toMatchObject({
    code: 'engine.state_locked',
    order: 'retry',
  });
});

test('state that nobody opened for the delay is deleted, and no other', async () => {
  await leave();
  await using home = homeOf();
  await home.open('0_1', PLANS);
  const old = (systemClock.now() - 2 * CLEANUP_MS) / 1_000;
  await home.clean();
  expect(tasksIn(path)).toEqual(['0_0', '0_1']);
  for (const place of ['0_0', '0_0/CLOSED', '0_1']) utimesSync(join(path, place), old, old);
  await home.clean();
  expect(tasksIn(path)).toEqual(['0_1']);
});

test(
  'a process that is killed between any bytes leaves one of its commits, whole',
  { timeout: 30_000 },
  async () => {
    for (let life = 0; life < 4; life++) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'committing/main.ts'), path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      dieWithParent(child);
      const exited = new Promise((resolve) => child.once('exit', resolve));
      let acknowledged = 0;
      const lines = createInterface(child.stdout);
      for await (const line of lines) {
        acknowledged = Number(line);
        if (acknowledged % 100 >= 20 + life * 7) child.kill('SIGKILL');
      }
      await exited;
      await using home = homeOf();
      const state = await home.open('0_0', PLANS);
      const { found } = state;
      if (typeof found === 'string') throw new TypeError(found);
      const commit = found.changelogs['table'] ?? 0;
      expect(commit).toBeGreaterThanOrEqual(acknowledged);
      for (let i = 0; i < 100; i++)
        expect(
          table(state)
            .get(bytes(`k${i}`))
            ?.toString(),
        ).toBe(`value ${commit}`);
      expect(windows(state).oldest()?.time).toBe(Math.max(1, commit - 9));
      expect(windows(state).entries).toBe(Math.min(10, commit));
    }
  },
);

test('a directory in which no state can be kept stops the process, with the way out', async () => {
  writeFileSync(join(path, 'file'), '');
  const home = new DiskHome({
    path: join(path, 'file', 'home'),
    cleanupDelayMs: CLEANUP_MS,
    clock: systemClock,
    log,
  });
  await expect(home.open('0_0', PLANS)).rejects.toMatchObject({
    code: 'engine.state_unusable',
    order: 'stop',
    message: `no state can be kept in ${join(path, 'file', 'home', '0_0')}`,
    fix: expect.stringContaining('--state-dir') as string,
  });
});
