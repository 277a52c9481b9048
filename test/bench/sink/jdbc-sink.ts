import { fileURLToPath } from 'node:url';
import { type ConnectWorker, startConnectWorker } from '../connect-worker.ts';
import type { JarsRequest } from '../maven-jars.ts';
import type { BenchDatabase } from '../source/bench-database.ts';
import type { BenchPlace } from '../source/bench-place.ts';
import type { ChangedRows } from './changed-rows.ts';
import type { PartRun } from './part.ts';
import { watchOrders } from './target-orders.ts';

/** `connect` (Kafka Connect, the Avro converter) and `plugins` (Debezium's JDBC sink). */
const JARS: JarsRequest = {
  pom: fileURLToPath(new URL('pom.xml', import.meta.url)),
  property: 'debezium.folder',
  name: 'debezium-jdbc',
  what: "Debezium's JDBC sink and Kafka Connect",
  megabytes: 100,
};

const BYTES = 8_388_608;

export function startJdbcWorker(place: BenchPlace, name: string): Promise<ConnectWorker> {
  // As many records as a batch takes; the number comes with the connector.
  const settings = {
    'connector.client.config.override.policy': 'All',
    'consumer.isolation.level': 'read_committed',
    'consumer.max.partition.fetch.bytes': String(BYTES),
  };
  return startConnectWorker(place, { name, jars: JARS, settings });
}

/** What its documentation advises for throughput: as many records a poll as a batch has, one row per key, UNNEST. */
function settingsOf(
  { url }: BenchDatabase,
  { topic }: ChangedRows,
  batchRows: number,
): Record<string, string> {
  const { host, username, password, pathname } = new URL(url);
  return {
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': '1',
    topics: topic,
    'connection.url': `jdbc:postgresql://${host}${pathname}?options=-c%20synchronous_commit%3Doff`,
    'connection.username': decodeURIComponent(username),
    'connection.password': decodeURIComponent(password),
    'insert.mode': 'upsert',
    'delete.enabled': 'true',
    'primary.key.mode': 'record_key',
    'primary.key.fields': 'id',
    'schema.evolution': 'none',
    'collection.name.format': 'orders',
    'batch.size': String(batchRows),
    'consumer.override.max.poll.records': String(batchRows),
    'use.reduction.buffer': 'true',
    'dialect.postgres.unnest.insert.enabled': 'true',
  };
}

export async function jdbcRun(
  worker: ConnectWorker,
  database: BenchDatabase,
  changes: ChangedRows,
  name: string,
  batchRows: number,
): Promise<PartRun> {
  // A group of its own, so that it reads from the beginning.
  const config = {
    ...settingsOf(database, changes, batchRows),
    'consumer.override.group.id': `${changes.topic}-${name}`,
    'consumer.override.auto.offset.reset': 'earliest',
  };
  const failed = new Promise<never>(() => undefined);
  try {
    return await watchOrders({ database, changes, pids: () => [worker.pid], failed }, () =>
      worker.start(config),
    );
  } catch (error) {
    throw new Error(`Debezium did not come to its end; its log says:\n${worker.lastErrors()}`, {
      cause: error,
    });
  } finally {
    await worker.stop();
  }
}
