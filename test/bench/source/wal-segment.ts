import type { Kafka } from '../../../connectors/kafka/port.ts';
import { bookkeepingTopics } from '../../../connectors/postgres-source/shapes/topics.ts';
import type { BenchDatabase } from './bench-database.ts';
import { createBenchDatabase } from './bench-database.ts';
import type { BenchPlace } from './bench-place.ts';
import { writeOrders } from './orders-table.ts';
import { startSourceRole } from './source-role.ts';

const POLL_MS = 500;
const STREAMING = '"msg":"streaming"';

/**
 * Rows that wait in the WAL, to be read again and again: each reader gets a copy of a slot that stands before the first
 * of them, so all of them have the same bytes to read, and the server the same to decode.
 */
export interface WalSegment {
  readonly database: BenchDatabase;
  readonly rows: number;
  /** Behind the last of the rows. */
  readonly endLsn: string;
  /** A new slot before the first row. */
  readonly copySlot: (name: string) => Promise<void>;
  readonly dropSlot: (name: string) => Promise<void>;
  /**
   * Puts the slot of the source (named as the database) back before the first row, and its position into topics of
   * `prefix`. Topics of an earlier run would be read back for their large values first.
   */
  readonly rewind: (prefix?: string) => Promise<void>;
  readonly drop: () => Promise<void>;
}

export interface SegmentRequest {
  readonly rows: number;
  readonly perTransaction: number;
  readonly partitions: number;
}

/** Lets a source make publication, slot and topics, stops it, and writes the rows. */
export async function writeSegment(
  place: BenchPlace,
  { rows, perTransaction, partitions }: SegmentRequest,
): Promise<WalSegment> {
  const database = await createBenchDatabase(place);
  const { name, client, value } = database;
  const role = startSourceRole(
    place,
    database,
    { slot: name, prefix: name },
    { partitions: String(partitions) },
  );
  await role.logged(STREAMING);
  await role.stop();
  const base = `${name}_base`;
  const copySlot = async (slot: string): Promise<void> => {
    await value(`SELECT pg_copy_logical_replication_slot('${base}', '${slot}')`);
  };
  const dropSlot = async (slot: string): Promise<void> => {
    const found = `FROM pg_replication_slots WHERE slot_name = '${slot}'`;
    while (Number(await value(`SELECT count(*) ${found} AND active`)) > 0)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS / 10));
    await value(`SELECT pg_drop_replication_slot(slot_name) ${found}`);
  };
  await value(`SELECT pg_copy_logical_replication_slot('${name}', '${base}')`);
  const position = await lastRecord(place.kafka, `${name}.position`, name);
  await writeOrders(client, 1, rows, perTransaction);
  const endLsn = await value('SELECT pg_current_wal_insert_lsn()');
  await client.query('INSERT INTO finish VALUES (1)');
  await client.query('CHECKPOINT');
  return {
    database,
    rows,
    endLsn,
    copySlot,
    dropSlot,
    async rewind(prefix = name) {
      await dropSlot(name);
      await copySlot(name);
      await place.kafka.ensureTopics(bookkeepingTopics(prefix));
      await using producer = await place.kafka.openIdempotentProducer();
      const record = { topic: `${prefix}.position`, partition: 0, timestamp: Date.now() };
      await producer.send([{ ...record, key: Buffer.from(name), value: position }]);
    },
    drop: () => database.drop(),
  };
}

/** The newest value of a key. */
async function lastRecord(kafka: Kafka, topic: string, key: string): Promise<Buffer> {
  const partition = { topic, partition: 0 };
  const [end = 0] = await kafka.listOffsets([partition], 'last-stable');
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...partition, offset: 0 }]);
  let found: Buffer | null = null;
  for (let next = 0; next < end;)
    for (const batch of await fetcher.poll(POLL_MS)) {
      for (const record of batch.records) if (record.key?.toString() === key) found = record.value;
      next = batch.nextOffset;
    }
  if (found === null) throw new Error(`${topic} has no record of ${key}`);
  return Buffer.from(found);
}
