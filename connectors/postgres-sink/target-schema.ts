import { type Client, escapeIdentifier } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import { type Column, type TargetTable, plainName, quotedName } from './target-table.ts';
import { isWider } from './widening.ts';

/** Share of a page that inserts fill: the rest lets updates stay on the page (HOT), about 10 % less WAL. */
const FILLFACTOR = 85;

/**
 * Makes the table hold what its topic's schemas ask for: creates it, adds columns (nullable), widens types. Nothing is
 * ever dropped, renamed or narrowed. Runs before the rows that need it, in a transaction of its own; running it again
 * changes nothing. An advisory lock per table lets several sinks run it at once.
 * @throws Failure `sink.incompatible_table`, `sink.no_unique_key` (stop)
 */
export async function ensureTable(client: Client, table: TargetTable): Promise<void> {
  const name = quotedName(table.name);
  await client.query('BEGIN');
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`millrace ${name}`]);
  await createMissing(client, table);
  const changes = await columnChanges(client, table);
  if (changes.length > 0) await client.query(`ALTER TABLE ${name} ${changes.join(', ')}`);
  await verifyKey(client, table);
  await client.query('COMMIT');
}

async function createMissing(client: Client, table: TargetTable): Promise<void> {
  const { schema } = table.name;
  const known = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  // asked first, because IF NOT EXISTS still demands the right to create schemas
  if (known.rowCount === 0) await client.query(`CREATE SCHEMA IF NOT EXISTS ${escapeIdentifier(schema)}`);
  if (await relationKind(client, table)) return;
  const keys = table.columns.filter((column) => column.key).map((column) => escapeIdentifier(column.name));
  const parts = [...table.columns.map(columnDefinition), `PRIMARY KEY (${keys.join(', ')})`];
  await client.query(
    `CREATE TABLE ${quotedName(table.name)} (${parts.join(', ')}) WITH (fillfactor = ${FILLFACTOR})`,
  );
}

async function relationKind(client: Client, table: TargetTable): Promise<boolean> {
  const result = await client.query<{ relkind: string }>(
    'SELECT relkind FROM pg_class WHERE oid = to_regclass($1)',
    [quotedName(table.name)],
  );
  const kind = result.rows[0]?.relkind;
  if (kind === undefined || kind === 'r' || kind === 'p') return kind !== undefined;
  throw new Failure(
    'sink.incompatible_table',
    'stop',
    `${plainName(table.name)} exists and is no table (relkind ${kind})`,
    {
      fix: 'map the topic to another name, or move the relation out of the way',
    },
  );
}

function columnDefinition(column: Column): string {
  return `${escapeIdentifier(column.name)} ${column.type.sql}${column.meta?.constraint ?? ''}`;
}

async function columnChanges(client: Client, table: TargetTable): Promise<string[]> {
  const existing = await client.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [quotedName(table.name)],
  );
  const types = new Map(existing.rows.map((row) => [row.name, row.type]));
  const changes: string[] = [];
  for (const column of table.columns) {
    const wanted = column.type.sql;
    const found = types.get(column.name);
    if (found === undefined) changes.push(`ADD COLUMN IF NOT EXISTS ${columnDefinition(column)}`);
    else if (isWider(wanted, found))
      changes.push(`ALTER COLUMN ${escapeIdentifier(column.name)} TYPE ${wanted}`);
    else if (found !== wanted && !isWider(found, wanted)) throw incompatible(table, column, found);
  }
  return changes;
}

function incompatible(table: TargetTable, column: Column, found: string): Failure {
  const name = plainName(table.name);
  return new Failure(
    'sink.incompatible_table',
    'stop',
    `column ${column.name} of ${name} is ${found}; the topic's schema asks for ${column.type.sql}`,
    {
      fix:
        `ALTER TABLE ${quotedName(table.name)} ALTER COLUMN ${escapeIdentifier(column.name)} TYPE ${column.type.sql}, ` +
        'or map the topic to a new table',
    },
  );
}

/** ON CONFLICT needs a unique index over exactly the key's columns; a table that somebody else made may lack it. */
async function verifyKey(client: Client, table: TargetTable): Promise<void> {
  const wanted = table.columns.filter((column) => column.key).map((column) => column.name);
  const found = await client.query(
    `SELECT 1 FROM pg_index i
     WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indimmediate AND i.indpred IS NULL
       AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(n, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
            WHERE k.place <= i.indnkeyatts) = (SELECT array_agg(w ORDER BY w) FROM unnest($2::text[]) AS w)`,
    [quotedName(table.name), wanted],
  );
  if (found.rowCount !== 0) return;
  throw new Failure(
    'sink.no_unique_key',
    'stop',
    `${plainName(table.name)} has no primary key or unique index over (${wanted.join(', ')}), the key of its topic`,
    {
      fix: `ALTER TABLE ${quotedName(table.name)} ADD PRIMARY KEY (${wanted.map(escapeIdentifier).join(', ')})`,
    },
  );
}
