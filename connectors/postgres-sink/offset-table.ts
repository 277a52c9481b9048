import { type Client, DatabaseError } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import type { TopicPartition } from '../kafka/port.ts';

/**
 * Where a sink stands in each partition, in the target database: `millrace.sink_offsets`. It is written in the
 * transaction that writes the rows, so rows and offsets are never apart; Kafka's own committed offsets are for lag
 * tools only. `epoch` counts the owners of a partition: only the last one can write.
 */
export interface HeldPartition extends TopicPartition {
  /** The first offset that is not in the tables. */
  readonly nextOffset: number;
  readonly epoch: bigint;
}

/** A partition's step from one stored offset to the next. */
export interface Advance {
  readonly held: HeldPartition;
  readonly nextOffset: number;
}

/** Any 64-bit number that nobody else locks by: the ASCII codes of `millrace`. */
const CREATION_LOCK = '7883951835720016741';

/** Schema and tables, as SQL that may run again. CREATE SCHEMA IF NOT EXISTS would demand the right to create schemas all the same. */
export const SINK_OBJECTS = `
  DO $$ BEGIN IF to_regnamespace('millrace') IS NULL THEN CREATE SCHEMA millrace; END IF; END $$;
  CREATE TABLE IF NOT EXISTS millrace.sink_offsets (
    sink text, topic text, partition integer,
    next_offset bigint NOT NULL, epoch bigint NOT NULL, applied_at timestamptz,
    PRIMARY KEY (sink, topic, partition)
  ) WITH (fillfactor = 50);
  CREATE TABLE IF NOT EXISTS millrace.sink_tables (
    sink text, topic text, table_schema text NOT NULL, table_name text NOT NULL,
    PRIMARY KEY (sink, topic)
  );
  ALTER TABLE millrace.sink_tables ADD COLUMN IF NOT EXISTS options jsonb`;

/** Makes the sink's own tables where they are missing. */
export async function createSinkTables(client: Client): Promise<void> {
  const known = await client.query<{ found: boolean }>(
    `SELECT to_regclass('millrace.sink_offsets') IS NOT NULL AND EXISTS (
       SELECT FROM pg_attribute WHERE attrelid = to_regclass('millrace.sink_tables') AND attname = 'options') AS found`,
  );
  if (known.rows[0]?.found === true) return;
  // the lock, because CREATE .. IF NOT EXISTS of two sessions at once can still collide in the catalog
  await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${CREATION_LOCK}); ${SINK_OBJECTS}; COMMIT`);
}

const CLAIM = `
  INSERT INTO millrace.sink_offsets AS o (sink, topic, partition, next_offset, epoch)
  SELECT $1, u.topic, u.partition, u.start, 1
  FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS u(topic, partition, start)
  ORDER BY u.topic, u.partition
  ON CONFLICT (sink, topic, partition) DO UPDATE SET epoch = o.epoch + 1
  RETURNING o.topic, o.partition, o.next_offset, o.epoch`;

/**
 * Takes partitions that the consumer group has assigned: from now on no earlier owner can write, even one that sleeps
 * inside a transaction (its row lock is waited for).
 * @param starts where a partition begins that this sink has never read, in the order of `partitions`
 */
export async function claimPartitions(
  client: Client,
  sink: string,
  partitions: readonly TopicPartition[],
  starts: readonly number[],
): Promise<readonly HeldPartition[]> {
  const topics = partitions.map((p) => p.topic);
  const numbers = partitions.map((p) => p.partition);
  const result = await client.query<OffsetRow>({
    name: 'millrace_claim',
    text: CLAIM,
    values: [sink, topics, numbers, starts],
  });
  return result.rows.map(heldOf);
}

const RECLAIM = `
  UPDATE millrace.sink_offsets AS o SET epoch = o.epoch + 1
  FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS u(topic, partition, epoch)
  WHERE o.sink = $1 AND o.topic = u.topic AND o.partition = u.partition AND o.epoch = u.epoch
  RETURNING o.topic, o.partition, o.next_offset, o.epoch`;

/**
 * Goes on after a lost session: shuts out whatever that session may still be doing, and reads the stored offsets,
 * which tell whether a COMMIT without an answer is in.
 * @throws Failure `sink.fenced` (fenced) when another owner has claimed a partition meanwhile
 */
export async function reclaimPartitions(
  client: Client,
  sink: string,
  held: readonly HeldPartition[],
): Promise<readonly HeldPartition[]> {
  const values = [
    sink,
    held.map((p) => p.topic),
    held.map((p) => p.partition),
    held.map((p) => String(p.epoch)),
  ];
  const result = await client.query<OffsetRow>({ name: 'millrace_reclaim', text: RECLAIM, values });
  if (result.rows.length !== held.length) throw fenced(sink, held);
  return result.rows.map(heldOf);
}

/**
 * Looks at partitions that nothing is written to, whose loss no compare-and-set would tell.
 * @throws Failure `sink.fenced` (fenced)
 */
export async function verifyHeld(
  client: Client,
  sink: string,
  held: readonly HeldPartition[],
): Promise<void> {
  const values = [
    sink,
    held.map((p) => p.topic),
    held.map((p) => p.partition),
    held.map((p) => String(p.epoch)),
  ];
  const found = await client.query(
    `SELECT FROM millrace.sink_offsets AS o
     JOIN unnest($2::text[], $3::integer[], $4::bigint[]) AS u(topic, partition, epoch) USING (topic, partition, epoch)
     WHERE o.sink = $1`,
    values,
  );
  if (found.rowCount !== held.length) throw fenced(sink, held);
}

/** Divides by zero where not every partition is as expected: so what is sent behind it, COMMIT too, comes to nothing. */
const ADVANCE = `
  WITH advanced AS (
    UPDATE millrace.sink_offsets AS o SET next_offset = u.next_offset, applied_at = now()
    FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[])
      AS u(topic, partition, expected, epoch, next_offset)
    WHERE o.sink = $1 AND o.topic = u.topic AND o.partition = u.partition
      AND o.next_offset = u.expected AND o.epoch = u.epoch
    RETURNING 1)
  SELECT 1 / (count(*) = $7)::integer FROM advanced`;
const DIVISION_BY_ZERO = '22012';

/**
 * Compare-and-set of the offsets: the first statement of a batch's transaction, before any row is written. The row
 * locks it takes hold off every other owner until the transaction ends. It fails in the server, so what follows in the
 * transaction need not wait for its answer.
 * @throws Failure `sink.fenced` (fenced): the transaction can only be rolled back
 */
export async function advanceOffsets(
  client: Client,
  sink: string,
  advances: readonly Advance[],
): Promise<void> {
  const values = [
    sink,
    advances.map((a) => a.held.topic),
    advances.map((a) => a.held.partition),
    advances.map((a) => a.held.nextOffset),
    advances.map((a) => String(a.held.epoch)),
    advances.map((a) => a.nextOffset),
    advances.length,
  ];
  await client.query({ name: 'millrace_advance', text: ADVANCE, values }).catch((error: unknown) => {
    if (!(error instanceof DatabaseError && error.code === DIVISION_BY_ZERO)) throw error;
    throw fenced(
      sink,
      advances.map((a) => a.held),
    );
  });
}

interface OffsetRow {
  readonly topic: string;
  readonly partition: number;
  readonly next_offset: string;
  readonly epoch: string;
}

function heldOf(row: OffsetRow): HeldPartition {
  return {
    topic: row.topic,
    partition: row.partition,
    nextOffset: Number(row.next_offset),
    epoch: BigInt(row.epoch),
  };
}

function fenced(sink: string, held: readonly HeldPartition[]): Failure {
  const names = held.map((p) => `${p.topic}/${p.partition} at ${p.nextOffset} epoch ${p.epoch}`);
  return new Failure(
    'sink.fenced',
    'fenced',
    `sink ${sink}: not all of its partitions (${names.join(', ')}) are still its own; another owner has claimed some, or ` +
      'moved their offsets',
    {
      fix: 'nothing, if it is rare: the group moved partitions. If it goes on: give every deployment its own sink name',
    },
  );
}
