import type { Client } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import type { TableOptions } from './table-options.ts';
import { type TableName, plainName, quotedName } from './target-table.ts';

/** What ties a topic's stored offsets to the table that holds the rows before them: `millrace.sink_tables`. */
export interface TableBinding {
  readonly sink: string;
  readonly topic: string;
  readonly table: TableName;
}

/**
 * Where the topic is bound already: the stored offsets say that everything before them is in the table; where that
 * table is gone or is another one now, going on from them would leave rows out without a word.
 * @throws Failure `sink.table_changed`, `sink.table_missing` (stop)
 */
export async function checkBinding(client: Client, binding: TableBinding): Promise<void> {
  const result = await client.query<{ schema: string; table: string }>(
    'SELECT table_schema AS schema, table_name AS table FROM millrace.sink_tables WHERE sink = $1 AND topic = $2',
    [binding.sink, binding.topic],
  );
  const known = result.rows[0];
  if (known === undefined) return;
  if (plainName(known) !== plainName(binding.table))
    throw new Failure(
      'sink.table_changed',
      'stop',
      `topic ${binding.topic} is mapped to ${plainName(binding.table)}, but sink ${binding.sink} has written it to ` +
        `${plainName(known)} so far; the new table would lack what was applied before`,
      { fix: 'give the sink another name: it then fills the new table from the beginning of the topic' },
    );
  const found = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    quotedName(binding.table),
  ]);
  if (found.rows[0]?.found === true) return;
  throw new Failure(
    'sink.table_missing',
    'stop',
    `${plainName(binding.table)} is gone, and the stored offsets of topic ${binding.topic} say that it holds rows`,
    {
      fix:
        'restore the table; or, to fill it from the beginning of the topic, delete the rows of this sink and topic from ' +
        'millrace.sink_offsets and millrace.sink_tables while the sink is stopped',
    },
  );
}

/** How a sink keeps a table, stored with the binding: whoever fills the table anew has to do it alike. */
export interface BoundOptions extends TableOptions {
  /** Bad records go to `millrace.dead_letters`. */
  readonly setsAside: boolean;
}

/** To be called when the table exists. */
export async function bindTable(client: Client, binding: TableBinding, options: BoundOptions): Promise<void> {
  const { deleteMode, metaColumns, onTruncate, setsAside } = options;
  await client.query(
    `INSERT INTO millrace.sink_tables AS t (sink, topic, table_schema, table_name, options) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (sink, topic) DO UPDATE SET options = excluded.options WHERE t.options IS DISTINCT FROM excluded.options`,
    [
      binding.sink,
      binding.topic,
      binding.table.schema,
      binding.table.table,
      JSON.stringify({ deleteMode, metaColumns, onTruncate, setsAside }),
    ],
  );
}
