import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { twoDatabases } from './two-databases.ts';

const MILLRACE = fileURLToPath(new URL('../../../../infra/cli/millrace.ts', import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function millrace(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MILLRACE, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

test('the exit code tells equal from different from failed', async () => {
  const both = await twoDatabases(
    'CREATE TABLE o AS SELECT 1 AS id, 5 AS v',
    'CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 5)',
  );
  const folder = await mkdtemp(join(tmpdir(), 'reconcile-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 't.sql');
  await writeFile(file, 'SELECT * FROM o;\n');
  const urls = ['--source-url', both.source.url, '--target-url', both.target.url];
  const run = (...more: string[]): Promise<Ended> =>
    millrace('reconcile', 't', '--sql', file, ...urls, ...more);
  expect(await run()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^public\.t: equal; rows: source 1, target 1/),
  });
  await both.target.client.query('UPDATE t SET v = 6');
  const [text, json, failed] = await Promise.all([
    run('--settle-timeout-ms', '0', '--values'),
    run('--settle-timeout-ms', '0', '--format', 'json'),
    millrace('reconcile', 'missing', '--sql', file, ...urls),
  ]);
  expect(text).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('different (id = 1): v (source 5, target 6)'),
  });
  expect(text.stderr).toContain('hashing both sides');
  expect(json.code).toBe(2);
  expect(JSON.parse(json.stdout)).toMatchObject({
    equal: false,
    rows: { source: 1, target: 1 },
    differences: { missing: 0, extra: 0, different: 1 },
    named: [{ kind: 'different', key: { id: '1' }, columns: ['v'] }],
  });
  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no table public\.missing[^]*fix:/),
  });
});
