import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { takePidLock } from '../../../infra/local/pid-lock.mjs';
import { scratchFolder } from './scratch.ts';

const LOCK_MODULE = fileURLToPath(new URL('../../../infra/local/pid-lock.mjs', import.meta.url));
const PROCESSES = 6;

const never = (): void => expect.fail('nobody else holds the lock');

test('the lock names its owner and is gone when it is released', async () => {
  using folder = scratchFolder();
  const file = join(folder.path, 'deep', 'lock');
  const release = await takePidLock(file, never);
  expect(readFileSync(file, 'utf8')).toBe(String(process.pid));
  release();
  expect(existsSync(file)).toBe(false);
});

test('a second taker is told of the owner and waits for it', async () => {
  using folder = scratchFolder();
  const file = join(folder.path, 'lock');
  const release = await takePidLock(file, never);
  const told = Promise.withResolvers<number>();
  const second = takePidLock(file, told.resolve);
  expect(await told.promise).toBe(process.pid);
  release();
  (await second)();
});

test('the lock of a dead process is taken over', async () => {
  using folder = scratchFolder();
  const file = join(folder.path, 'lock');
  const { pid } = spawnSync('true');
  writeFileSync(file, String(pid));
  const release = await takePidLock(file, never);
  expect(readFileSync(file, 'utf8')).toBe(String(process.pid));
  release();
});

test('of many processes that find a dead owner one at a time holds the lock', async () => {
  using folder = scratchFolder();
  const file = join(folder.path, 'lock');
  writeFileSync(file, String(spawnSync('true').pid));
  const counter = join(folder.path, 'counter');
  writeFileSync(counter, '0');
  // Reads, lets the others run, writes: the count is short when two are inside at once.
  const program = `
    import { readFileSync, writeFileSync } from 'node:fs';
    import { setTimeout } from 'node:timers/promises';
    import { takePidLock } from ${JSON.stringify(LOCK_MODULE)};
    const release = await takePidLock(${JSON.stringify(file)}, () => undefined);
    const count = Number(readFileSync(${JSON.stringify(counter)}, 'utf8'));
    await setTimeout(20);
    writeFileSync(${JSON.stringify(counter)}, String(count + 1));
    release();`;
  const children = Array.from({ length: PROCESSES }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' }),
  );
  await Promise.all(children.map((child) => once(child, 'exit')));
  expect(readFileSync(counter, 'utf8')).toBe(String(PROCESSES));
});
