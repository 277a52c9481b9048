import type { Client } from 'pg';
import { Failure } from '../../../infra/process/failure.ts';
import type { BoundOptions } from '../table-binding.ts';
import { type TableName, plainName, quotedName } from '../target-table.ts';

/** The table that readers see and a sink fills. */
export interface LiveTable {
  readonly sink: string;
  readonly topic: string;
  readonly table: TableName;
  readonly oid: string;
  /** As its sink has last stored them. */
  readonly options: BoundOptions;
}

interface BoundRow {
  readonly sink: string;
  readonly topic: string;
  readonly options: BoundOptions | null;
  readonly oid: string | null;
}

/** @throws Failure `rebuild.not_bound`, `rebuild.shared_table`, `rebuild.options_unknown` (stop) */
export async function findLiveTable(client: Client, sink: string, table: TableName): Promise<LiveTable> {
  const known = await client.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('millrace.sink_tables') AND attname = 'options') AS found`,
  );
  const rows = known.rows[0]?.found === true ? await boundTo(client, table) : [];
  const own = rows.find((row) => row.sink === sink);
  if (own === undefined || own.oid === null)
    throw new Failure('rebuild.not_bound', 'stop', `sink ${sink} fills no table ${plainName(table)}`, {
      fix: 'name the table as --tables of the sink does, and its --sink-name; SELECT * FROM millrace.sink_tables lists them',
    });
  const other = rows.find((row) => row.sink !== sink);
  if (other !== undefined)
    throw new Failure(
      'rebuild.shared_table',
      'stop',
      `sink ${other.sink} fills ${plainName(table)} too; what it has written would be missing in the new table`,
      {
        fix: `if that sink is retired, delete its rows from millrace.sink_tables and millrace.sink_offsets`,
      },
    );
  if (own.options === null)
    throw new Failure(
      'rebuild.options_unknown',
      'stop',
      `sink ${sink} has not stored how it keeps ${plainName(table)}: deletions, meta columns, truncates, bad rows`,
      { fix: 'start the sink of this version once' },
    );
  return { sink, topic: own.topic, table, oid: own.oid, options: own.options };
}

async function boundTo(client: Client, table: TableName): Promise<readonly BoundRow[]> {
  const { rows } = await client.query<BoundRow>(
    `SELECT sink, topic, options, to_regclass($3)::oid::text AS oid
     FROM millrace.sink_tables WHERE table_schema = $1 AND table_name = $2`,
    [table.schema, table.table, quotedName(table)],
  );
  return rows;
}
