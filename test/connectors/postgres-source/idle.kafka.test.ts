import { expect, test } from 'vitest';
import { createSourceDatabase } from './source-database.ts';
import { acknowledged, streamTables, told } from './streamed-tables.ts';

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text);';

test('S117 a busy database beside an idle one does not make the slot keep WAL', async () => {
  await using tables = await streamTables(T, ['t']);
  await using neighbour = await createSourceDatabase();
  await neighbour.sql("CREATE TABLE busy AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)");
  const [[before = ''] = []] = await neighbour.sql('SELECT pg_current_wal_lsn()');
  await acknowledged(tables.database);
  await neighbour.sql("INSERT INTO busy SELECT repeat('x', 1000) FROM generate_series(1, 5000)");
  await acknowledged(tables.database);
  const slot = `FROM pg_replication_slots WHERE slot_name = '${tables.database.name}'`;
  expect(await tables.database.sql(`SELECT confirmed_flush_lsn > '${before}' ${slot}`)).toEqual([['t']]);
  await tables.database.sql("INSERT INTO t VALUES (1, 'after')");
  expect(told(await tables.settled('t'))).toEqual(['c 1 after']);
});

test('S120 S137 the running source shows its slot: active, safe, without lag, not stalled', async () => {
  await using tables = await streamTables(T, ['t']);
  const metrics = async (): Promise<string> => (await tables.source().get('/metrics')).body;
  await expect.poll(metrics, { timeout: 30_000 }).toContain('millrace_slot_wal_status{status="reserved"} 1');
  const text = await metrics();
  for (const line of [
    'millrace_slot_active 1',
    'millrace_source_stalled 0',
    'millrace_slot_safe_wal_bytes +Inf',
  ])
    expect(text).toMatch(new RegExp(`^${line.replace('+', '\\+')}$`, 'im'));
  await expect
    .poll(async () => /^millrace_source_lag_seconds (\S+)$/m.exec(await metrics())?.[1], { timeout: 30_000 })
    .toBe('0');
});
