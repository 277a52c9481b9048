import type { Client } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import type { ConsumerRecord } from '../kafka/port.ts';
import { type TableName, plainName } from './target-table.ts';
import type { ReadableRecord } from './topic-reader.ts';

/** How many records may be set aside before the sink stops: a mistake in the schema must not empty a topic. */
export interface DeadLetterBounds {
  /** In one transaction. Finding one costs some 2 log2(batch) statements. */
  readonly perBatchMax: number;
  /** Of this sink, in the table: the operator makes room by deleting those that are dealt with. */
  readonly totalMax: number;
}

/** A record that did not get into its table, and why. */
export interface DeadLetter {
  readonly record: ConsumerRecord;
  readonly table: TableName;
  readonly readable: ReadableRecord;
  /** Null for bytes that cannot be decoded. */
  readonly sqlstate: string | null;
  readonly message: string;
  readonly constraint: string | null;
  readonly column: string | null;
}

/** The table, as SQL that may run again; the schema is there. */
export const DEAD_LETTER_OBJECTS = `
  CREATE TABLE IF NOT EXISTS millrace.dead_letters (
    sink text, topic text, partition integer, "offset" bigint,
    table_schema text NOT NULL, table_name text NOT NULL,
    key bytea, value bytea, key_json jsonb, value_json jsonb,
    sqlstate text, message text NOT NULL, constraint_name text, column_name text,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sink, topic, partition, "offset")
  )`;

/** Makes `millrace.dead_letters` where it is missing; the schema is there. */
export async function createDeadLetterTable(client: Client): Promise<void> {
  const known = await client.query<{ found: boolean }>(
    `SELECT to_regclass('millrace.dead_letters') IS NOT NULL AS found`,
  );
  if (known.rows[0]?.found === true) return;
  await client.query(
    `BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('millrace.dead_letters', 0)); ${DEAD_LETTER_OBJECTS}; COMMIT`,
  );
}

const INSERT = `
  INSERT INTO millrace.dead_letters (sink, topic, partition, "offset", table_schema, table_name, key, value, key_json,
    value_json, sqlstate, message, constraint_name, column_name)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
  ON CONFLICT (sink, topic, partition, "offset") DO UPDATE SET key = excluded.key, value = excluded.value,
    key_json = excluded.key_json, value_json = excluded.value_json, sqlstate = excluded.sqlstate,
    message = excluded.message, constraint_name = excluded.constraint_name, column_name = excluded.column_name, at = now()`;

/**
 * Part of the transaction that moves the offsets past these records.
 * @throws Failure `sink.too_many_bad_rows` (stop): the transaction must be rolled back
 */
export async function insertDeadLetters(
  client: Client,
  sink: string,
  letters: readonly DeadLetter[],
  { totalMax }: DeadLetterBounds,
): Promise<void> {
  for (const { record, table, readable, sqlstate, message, constraint, column } of letters) {
    const { topic, partition, offset, key, value } = record;
    const place = [sink, topic, partition, offset, table.schema, table.table];
    const bytes = [key, value, readable.key, readable.value];
    const values = [...place, ...bytes, sqlstate, message, constraint, column];
    await client.query({ name: 'millrace_dead_letter', text: INSERT, values });
  }
  const found = await client.query<{ count: string }>(
    'SELECT count(*) FROM (SELECT FROM millrace.dead_letters WHERE sink = $1 LIMIT $2) AS l',
    [sink, totalMax + 1],
  );
  if (Number(found.rows[0]?.count) > totalMax)
    throw tooMany(`sink ${sink} has more than ${totalMax} records in millrace.dead_letters`, letters);
}

/** @param letters at least one */
export function tooMany(what: string, letters: readonly DeadLetter[]): Failure {
  const last = letters.at(-1);
  const example =
    last === undefined
      ? ''
      : `; the last one is offset ${last.record.offset} of ${last.record.topic}, partition ${last.record.partition}, ` +
        `for ${plainName(last.table)} (SQLSTATE ${last.sqlstate ?? 'none, it cannot be decoded'})`;
  return new Failure('sink.too_many_bad_rows', 'stop', `${what}${example}`, {
    fix:
      'mend what makes the rows bad and delete the letters that are dealt with, or raise --bad-rows-max or ' +
      '--bad-rows-per-batch-max; nothing of this batch was applied',
  });
}
