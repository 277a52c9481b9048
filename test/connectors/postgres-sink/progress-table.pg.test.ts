import type { Client } from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { claimPartitions, createSinkTables } from '../../../connectors/postgres-sink/offset-table.ts';
import {
  createProgressTable,
  recordNewest,
  recordProgress,
  retractProgress,
} from '../../../connectors/postgres-sink/progress-table.ts';
import { type TargetDatabase, createTargetDatabase } from './target-database.ts';

const ORIGIN = { source: 'slot', writer: 'app' };
const PARTITIONS = [0, 1].map((partition) => ({ topic: 't', partition }));

/** A table `public.t` that stands at the offsets 5 and 6 of its topic. */
async function filled(): Promise<{ readonly target: TargetDatabase; readonly sink: Client }> {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  const session = await target.openSession();
  onTestFinished(() => session[Symbol.asyncDispose]());
  const { client } = session;
  await createSinkTables(client);
  for (let i = 0; i < 2; i++) await createProgressTable(client);
  await client.query(`CREATE TABLE public.t (id int)`);
  await client.query(`INSERT INTO millrace.sink_tables VALUES ('sink', 't', 'public', 't')`);
  await claimPartitions(client, 'sink', PARTITIONS, [5, 6]);
  return { target, sink: client };
}

const record = async (sink: Client, lsn: bigint, ends: readonly number[]): Promise<number> => {
  const cut = { topic: 't', origin: ORIGIN, lsn, commitTs: 1_000_000n, ends };
  return (await recordProgress(sink, 'sink', [cut], () => lsn)).length;
};
const waitFor = async ({ target }: { target: TargetDatabase }, lsn: string, ms: number): Promise<unknown> =>
  (await target.rows(`SELECT millrace.wait_for('t', '${lsn}', '${ms} ms')`))[0]?.[0];

test('a cut counts when every partition has passed it, and wait_for sees it come', async () => {
  const { target, sink } = await filled();
  expect(await waitFor({ target }, '0/1', 1)).toBe('f');
  expect(await record(sink, 0x1_0000_00ffn, [5, 7])).toBe(0);
  const waiting = waitFor({ target }, '1/FF', 30_000);
  expect(await record(sink, 0x1_0000_00ffn, [5, 6])).toBe(1);
  expect(await waiting).toBe('t');
  expect(await waitFor({ target }, '1/100', 50)).toBe('f');
  expect(await record(sink, 1n, [0, 0])).toBe(1);
  const shown = 'SELECT view, source, lsn, commit_time, applied_at <= now(), lag FROM millrace.progress';
  expect(await target.rows(shown)).toEqual([
    ['public.t', 'slot', '1/FF', expect.stringContaining('1970-01-01'), 't', '00:00:00'],
  ]);
  await recordNewest(sink, 'sink', new Map([['slot', 0x1_0000_0200n]]));
  expect(await target.rows(`SELECT lag > interval '1 year' FROM millrace.progress`)).toEqual([['t']]);
  await retractProgress(sink, 'sink', ORIGIN);
  expect(await waitFor({ target }, '0/1', 1)).toBe('f');
});

test('wait_for refuses what it could only wait for in vain', async () => {
  const { target, sink } = await filled();
  await record(sink, 5n, [5, 6]);
  await expect(target.rows(`SELECT millrace.wait_for('pg_class', '0/1')`)).rejects.toMatchObject({
    code: '42P01',
  });
  await target.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  expect(await waitFor({ target }, '0/5', 60_000)).toBe('t');
  await expect(waitFor({ target }, '0/6', 60_000)).rejects.toThrow('in the snapshot of this transaction');
  await target.client.query('ROLLBACK');
});
