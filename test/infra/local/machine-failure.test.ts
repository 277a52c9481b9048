import { writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { asMachineFailure } from '../../../infra/local/machine-failure.ts';
import { createRunFolder } from '../../../infra/local/run-folder.ts';
import { bareMachine } from './scratch.ts';

test.runIf(existsSync('/dev/full'))('a full disk is named with what to do', async () => {
  const error: unknown = await writeFile('/dev/full', 'x').catch((e: unknown) =>
    asMachineFailure(e, '/var/data'),
  );
  expect(error).toMatchObject({
    code: 'local.no_space',
    message: expect.stringContaining('/var/data'),
    fix: expect.stringContaining('free some space'),
  });
});

test('a missing permission is named with what to do', () => {
  const refused = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
  expect(asMachineFailure(refused, '/var/data')).toMatchObject({
    code: 'local.no_permission',
    message: expect.stringContaining('/var/data'),
    fix: expect.stringContaining('owner'),
    cause: refused,
  });
});

test('any other error passes unchanged', () => {
  const other = new Error('boom');
  expect(asMachineFailure(other, '/var/data')).toBe(other);
});

test.runIf(existsSync('/proc/1'))(
  'a run folder that cannot be made is an error, not a crash later',
  async () => {
    await expect(createRunFolder(bareMachine('/proc'))).rejects.toThrow(/\/proc/);
  },
);
