import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { Catalog } from '../../../connectors/postgres-source/shapes/catalog.ts';
import { guard } from '../../../connectors/postgres-source/place/guard.ts';
import { identifySystem, serverFacts } from '../../../connectors/postgres-source/place/server.ts';
import { SlotMonitor } from '../../../connectors/postgres-source/watch/slot-monitor.ts';
import { SourceMetrics } from '../../../connectors/postgres-source/source-metrics.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { Metrics } from '../../../infra/process/metrics.ts';
import { startOwnPostgres } from '../../support/own-postgres.ts';
import { manualClock } from './manual-clock.ts';

const WAL_SEGMENT_BYTES = 16 * 1024 * 1024;

test('S59 a slot is told of while it fills, and refused with its reason once the server gave it up', async () => {
  // A server of the test's own: the limit on WAL is the whole server's.
  await using own = await startOwnPostgres();
  const { url } = own;
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query(`ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'`);
  await client.query('SELECT pg_reload_conf()');
  await client.query('CREATE TABLE t (v text); CREATE PUBLICATION millrace FOR TABLE t');
  await client.query(`SELECT pg_create_logical_replication_slot('s', 'pgoutput')`);
  const clock = manualClock();
  const codes: string[] = [];
  const tell = (fields: object): void => void codes.push(String((fields as { alarm?: string }).alarm));
  const registry = new Metrics();
  const { slot: metrics } = new SourceMetrics(registry);
  const log = { ...silentLog, warn: tell, error: tell };
  await using monitor = SlotMonitor.start({ databaseUrl: url, slotName: 's', metrics, clock, log });
  await monitor.look();
  const gauge = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await registry.text())?.[1]);
  const safeBefore = await gauge('millrace_slot_safe_wal_bytes');
  for (let i = 0; i < 3; i++) {
    await client.query(`INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 1000)`);
    await client.query('SELECT pg_switch_wal()');
    clock.nowMs += 10_000;
    await monitor.look();
  }
  expect(await gauge('millrace_slot_safe_wal_bytes')).toBeLessThan(safeBefore - WAL_SEGMENT_BYTES);
  expect(await gauge('millrace_slot_full_in_seconds')).toBeLessThan(600);
  expect(codes).toEqual(expect.arrayContaining(['slot.filling', 'slot.retention']));
  for (let i = 0; i < 6; i++) {
    await client.query(`INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 1000)`);
    await client.query('SELECT pg_switch_wal()');
  }
  await client.query('CHECKPOINT');
  await monitor.look();
  expect(codes).toContain('slot.invalidated');
  expect(await registry.text()).toContain('millrace_slot_invalidated{reason="wal_removed"} 1');

  await using sql = await WireConnection.open({ url, replication: false, applicationName: 'loss-test' });
  await using walsender = await WireConnection.open({ url, replication: true, applicationName: 'loss-test' });
  const system = await identifySystem(walsender, null);
  const request = {
    slotName: 's',
    publicationName: 'millrace',
    tables: [],
    positionTopic: 'position',
    slotFailover: false,
    acceptTimeline: null,
  };
  const server = await serverFacts(sql, await Catalog.open(sql), system, request);
  const position = {
    systemId: server.systemId,
    slot: 's',
    publicationOid: server.publication?.oid ?? 0,
    endLsn: server.flushedLsn,
    commitTs: 0n,
    open: null,
    snapshot: 'done' as const,
  };
  expect(() => guard(position, server, request)).toThrow(
    expect.objectContaining({
      code: 'source.slot_lost',
      order: 'stop',
      message: expect.stringContaining('wal_removed'),
    }),
  );
});
