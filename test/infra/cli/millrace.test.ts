import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const MILLRACE = fileURLToPath(new URL('../../../infra/cli/millrace.ts', import.meta.url));
const millrace = (...args: string[]) => promisify(execFile)(process.execPath, [MILLRACE, ...args]);

test('sql --role source prints the grants of the tables that are named', async () => {
  const { stdout } = await millrace('sql', '--role', 'source', '--tables', 'public.orders');
  expect(stdout).toContain('REPLICATION');
  expect(stdout).toMatch(/GRANT SELECT .*"?orders"?/);
});

test.each([
  'source',
  'processor',
  'sink',
  'describe',
  'why',
  'reset',
  'backfill',
  'sql',
  'reconcile',
  'export',
])('%s --help lists its options', async (name) => {
  expect((await millrace(name, '--help')).stdout).toMatch(/^usage: [^]*--[a-z]/);
  expect((await millrace('--help')).stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
});

test('a command that there is none of ends with the exit code of a bad configuration, and the list', async () => {
  await expect(millrace('slq')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no command slq[^]*usage: millrace/),
  });
});
