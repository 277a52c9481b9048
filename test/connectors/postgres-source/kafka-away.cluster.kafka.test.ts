import { expect, test } from 'vitest';
import { useKafkaCluster } from '../../support/kafka-cluster.ts';
import { KafkaView } from './cdc-topic.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { STREAMING, acknowledged } from './streamed-tables.ts';

const cluster = useKafkaCluster();

const TEST_MAX_MS = 120_000;
const ROWS = 100_000;
/** All rows together are 180 MB: more than the source may grow by. */
const ROW_BYTES = 1_800;
const RSS_BYTES_MAX = 320 * 1024 * 1024;
const RETAINED_BYTES_MIN = 150 * 1024 * 1024;

test(
  'S52 Kafka is away while the source writes: the WAL waits at the server, the session lives, and all of it comes once',
  async () => {
    await using database = await createSourceDatabase();
    await using view = await KafkaView.open(cluster().brokers);
    const { name, sql, until } = database;
    await sql('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const url = await database.grantSource(['public.t']);
    await sql(`ALTER ROLE "${name}" SET wal_sender_timeout = '2s'`);
    await using source = startSource({ name, url }, { 'kafka-bootstrap-servers': cluster().brokers });
    await source.logged(STREAMING);
    const metric = async (pattern: RegExp): Promise<number> =>
      Number(pattern.exec((await source.get('/metrics')).body)?.[1]);

    await Promise.all(cluster().nodes.map((node) => node.pause()));
    const [[away = ''] = []] = await sql('SELECT now()::text');
    await sql(
      `INSERT INTO t SELECT g, rpad(g::text, ${ROW_BYTES}, 'x') FROM generate_series(1, ${ROWS / 2}) g`,
    );
    await sql(
      `INSERT INTO t SELECT g, rpad(g::text, ${ROW_BYTES}, 'x') FROM generate_series(${ROWS / 2 + 1}, ${ROWS}) g`,
    );
    // Three times as long as the server waits for somebody who says nothing.
    await until(
      `SELECT reply_time > '${away}'::timestamptz + interval '6 s' FROM pg_stat_replication
       WHERE pid = (SELECT active_pid FROM pg_replication_slots WHERE slot_name = '${name}')`,
    );
    await expect
      .poll(() => metric(/^millrace_slot_retained_wal_bytes (\S+)$/m), { timeout: 30_000 })
      .toBeGreaterThan(RETAINED_BYTES_MIN);
    expect(await metric(/^process_resident_memory_bytes (\S+)$/m)).toBeLessThan(RSS_BYTES_MAX);
    expect(source.log()).not.toContain('connection_lost');

    await Promise.all(cluster().nodes.map((node) => node.resume()));
    await acknowledged(database);
    const records = await view.records(`${name}.public.t`);
    expect(records).toHaveLength(ROWS);
    expect(new Set(records.map(({ key }) => key?.toString('latin1'))).size).toBe(ROWS);
  },
  TEST_MAX_MS,
);
