import type { Compression } from '../../../connectors/kafka/compression.ts';
import { startConnectWorker } from '../connect-worker.ts';
import type { BenchPlace } from './bench-place.ts';
import { DEBEZIUM } from './debezium-jars.ts';
import { ORDERS } from './orders-table.ts';

/** Larger batches than Debezium's own of 2048 in a queue of 8192, in the ratio that its documentation asks for. */
const TUNING = {
  throughput: {
    connector: { 'max.batch.size': '8192', 'max.queue.size': '32768', 'poll.interval.ms': '50' },
    worker: { 'producer.linger.ms': '5' },
  },
  latency: { connector: { 'poll.interval.ms': '1' }, worker: { 'producer.linger.ms': '0' } },
} as const;

export interface DebeziumRequest {
  readonly url: string;
  /** Made before, at the place where it is to begin. */
  readonly slot: string;
  readonly prefix: string;
  readonly snapshot: 'no_data' | 'initial';
}

/** A distributed Kafka Connect worker with exactly-once source support; one connector at a time. */
export interface DebeziumWorker {
  readonly pid: number;
  /** What became of the connector's task, for an error to tell. */
  readonly lastErrors: () => string;
  /** Creates the connector and returns when its task runs. */
  readonly start: (request: DebeziumRequest) => Promise<void>;
  /** Deletes it, and returns when its slot is free. */
  readonly stop: () => Promise<void>;
}

export interface WorkerOptions {
  /** Of the internal topics and the group. */
  readonly name: string;
  readonly compression: Compression;
  readonly tuning: keyof typeof TUNING;
}

/** @throws Failure `bench.download_failed`, `bench.java_missing`, `local.*` */
export async function startDebezium(
  place: BenchPlace,
  { name, compression, tuning }: WorkerOptions,
): Promise<DebeziumWorker> {
  const settings = {
    'exactly.once.source.support': 'enabled',
    'producer.compression.type': compression,
    'producer.acks': 'all',
    ...TUNING[tuning].worker,
    'producer.batch.size': String(1024 * 1024),
    'producer.buffer.memory': String(64 * 1024 * 1024),
  };
  const worker = await startConnectWorker(place, { name, jars: DEBEZIUM, settings });
  return { ...worker, start: (request) => worker.start(connectorSettings(request, tuning)) };
}

function connectorSettings(
  { url, slot, prefix, snapshot }: DebeziumRequest,
  tuning: keyof typeof TUNING,
): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    'database.hostname': hostname,
    'database.port': port,
    'database.user': decodeURIComponent(username),
    'database.password': decodeURIComponent(password),
    'database.dbname': pathname.slice(1),
    'slot.name': slot,
    'slot.drop.on.stop': 'false',
    'publication.name': 'millrace',
    'publication.autocreate.mode': 'disabled',
    // The other table would need a topic too: neither the broker nor Connect makes any here.
    'table.include.list': ORDERS,
    // The source's probes are in the same WAL.
    'message.prefix.exclude.list': '.*',
    'snapshot.mode': snapshot,
    'topic.prefix': prefix,
    'exactly.once.support': 'required',
    ...TUNING[tuning].connector,
  };
}
