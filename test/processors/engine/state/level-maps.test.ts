import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLevel } from '../../../../processors/engine/state/level-database.ts';
import { LevelMaps } from '../../../../processors/engine/state/level-maps.ts';

const SHARED_MEMORY = '/dev/shm';
const KEY = Buffer.from('key');
let folder = '';

beforeEach(async () => {
  // A thousand tables wait for the disk a thousand times, where there is one.
  folder = await mkdtemp(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'millrace-maps-'));
});

afterEach(() => rm(folder, { recursive: true }));

const fail = (error: unknown): never => {
  throw error;
};

/** A database whose only row is in a table, not in its log: the log is made a table when it is opened again. */
async function leaveTable(path: string): Promise<void> {
  const database = await openLevel(path);
  await database.write((batch) => batch.put(KEY, Buffer.from('value')), false);
  await database.close();
  await (await openLevel(path)).close();
}

async function isMapped(path: string): Promise<boolean> {
  return (await readFile('/proc/self/maps', 'utf8')).includes(`${path}/`);
}

test.runIf(process.platform === 'linux')('tables of state are read without maps', async () => {
  const path = join(folder, '0_0');
  await leaveTable(path);
  {
    const mapped = await openLevel(path);
    expect(mapped.get(KEY)?.toString()).toBe('value');
    expect(await isMapped(path)).toBe(true);
    await mapped.close();
  }
  // A life that ends while the tables are being made: the next one goes on with them.
  await (await LevelMaps.open(join(folder, 'maps'), fail))[Symbol.asyncDispose]();
  for (const life of ['made', 'found']) {
    await using maps = await LevelMaps.open(join(folder, 'maps'), fail);
    if (life === 'made') await maps.taken();
    const database = await openLevel(path);
    expect(database.get(KEY)?.toString()).toBe('value');
    expect(await isMapped(path)).toBe(false);
    await database.close();
  }
});
