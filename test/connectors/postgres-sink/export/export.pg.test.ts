import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createTargetDatabase } from '../target-database.ts';
import { parseYaml } from './yaml-reader.ts';

const MILLRACE = fileURLToPath(new URL('../../../../infra/cli/millrace.ts', import.meta.url));
const millrace = (...args: string[]) => promisify(execFile)(process.execPath, [MILLRACE, ...args]);

test('export dbt writes the tables with their comments, keys and freshness', async () => {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  await target.client.query(`
    CREATE TABLE orders (id bigint PRIMARY KEY, note text, amount numeric(10,2) NOT NULL, "__commit_ts" timestamptz);
    COMMENT ON COLUMN orders.note IS 'said: "{{ ref }}", # 100 %';
    CREATE SCHEMA "An a"; CREATE TABLE "An a".lines (no int, id bigint, PRIMARY KEY (id, no));
    COMMENT ON TABLE "An a".lines IS 'lines of orders'`);
  const folder = await mkdtemp(join(tmpdir(), 'export-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const out = join(folder, 'sources.yml');
  const args = ['export', 'dbt', '--target-url', target.url, '--tables'];
  await millrace(...args, 'public.orders, An a.lines', '--out', out, '--dbt-utils');
  const database = new URL(target.url).pathname.slice(1);
  const description = 'Tables that Millrace keeps equal to topics.';
  const freshness = {
    warn_after: { count: 5, period: 'minute' },
    error_after: { count: 60, period: 'minute' },
  };
  expect(parseYaml(await readFile(out, 'utf8'))).toEqual({
    version: 2,
    sources: [
      {
        name: 'millrace_public',
        description,
        database,
        schema: 'public',
        tables: [
          {
            name: 'orders',
            config: { loaded_at_field: '"__commit_ts"', freshness },
            columns: [
              { name: 'id', data_type: 'bigint', data_tests: ['not_null', 'unique'] },
              { name: 'note', data_type: 'text', description: `said: "{{ '{' }}{ ref }}", # 100 %` },
              { name: 'amount', data_type: 'numeric(10,2)', data_tests: ['not_null'] },
              { name: '__commit_ts', data_type: 'timestamp with time zone' },
            ],
          },
        ],
      },
      {
        name: 'millrace_An_a',
        description,
        database,
        schema: 'An a',
        tables: [
          {
            name: 'lines',
            description: 'lines of orders',
            data_tests: [
              {
                'dbt_utils.unique_combination_of_columns': {
                  arguments: { combination_of_columns: ['id', 'no'] },
                },
              },
            ],
            columns: [
              { name: 'no', data_type: 'integer', data_tests: ['not_null'] },
              { name: 'id', data_type: 'bigint', data_tests: ['not_null'] },
            ],
          },
        ],
      },
    ],
  });
  await target.client.query(
    `CREATE SCHEMA millrace; CREATE TABLE millrace.progress AS SELECT 'public.orders' AS view, now() AS applied_at`,
  );
  const { stdout } = await millrace(...args, 'orders');
  expect(parseYaml(stdout)).toMatchObject({
    sources: [
      {
        name: 'millrace',
        tables: [
          {
            config: {
              loaded_at_query: "select min(applied_at) from millrace.progress where view = 'public.orders'",
            },
          },
        ],
      },
    ],
  });
  await expect(millrace(...args, 'order')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no table public.order'),
  });
});
