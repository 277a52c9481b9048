import { type Client, escapeIdentifier } from 'pg';
import { must } from '../../infra/process/assert.ts';
import { Failure } from '../../infra/process/failure.ts';
import { DEAD_LETTER_OBJECTS, createDeadLetterTable } from './dead-letter-table.ts';
import { SINK_OBJECTS, createSinkTables } from './offset-table.ts';
import { PROGRESS_OBJECTS, createProgressTable } from './progress-table.ts';

/** What the sink does with a table of its own, in the words of GRANT. */
export interface OwnTable {
  /** In schema `millrace`. */
  readonly name: string;
  readonly rights: readonly string[];
}

const OWN_TABLES: readonly OwnTable[] = [
  { name: 'sink_offsets', rights: ['SELECT', 'INSERT', 'UPDATE'] },
  { name: 'sink_tables', rights: ['SELECT', 'INSERT', 'UPDATE'] },
  { name: 'sink_progress', rights: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
];
const DEAD_LETTERS: OwnTable = { name: 'dead_letters', rights: ['SELECT', 'INSERT', 'UPDATE'] };

/** Schema `millrace` and all that the sink keeps there, as SQL that may run again. */
export const OWN_OBJECTS: readonly string[] = [SINK_OBJECTS, DEAD_LETTER_OBJECTS, PROGRESS_OBJECTS];

/** SQL that lets a role use what is there. */
export function ownGrants(role: string): readonly string[] {
  const grants = [...OWN_TABLES, DEAD_LETTERS].map(
    ({ name, rights }) => `GRANT ${rights.join(', ')} ON millrace.${name} TO ${escapeIdentifier(role)};`,
  );
  return [`GRANT USAGE ON SCHEMA millrace TO ${escapeIdentifier(role)};`, ...grants];
}

/** By the catalog, since a name in a schema without USAGE is an error to `to_regclass`. */
const FOUND = `
  SELECT current_user AS role, current_database() AS database,
    coalesce(has_schema_privilege(n.oid, 'USAGE'), false) AS usable,
    coalesce(has_schema_privilege(n.oid, 'CREATE'), has_database_privilege(current_database(), 'CREATE')) AS creatable,
    ARRAY(SELECT o.name || ' ' || o.wanted FROM unnest($1::text[], $2::text[]) AS o(name, wanted)
          JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = o.name
          WHERE NOT has_table_privilege(c.oid, o.wanted)) AS withheld,
    ARRAY(SELECT o.name FROM unnest($3::text[]) AS o(name)
          WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = o.name)
            AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname = o.name))
      || ARRAY(SELECT 'column options of sink_tables' FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'sink_tables'
          AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'options')) AS missing
  FROM (SELECT) AS one LEFT JOIN pg_namespace n ON n.nspname = 'millrace'`;

interface Found {
  readonly role: string;
  readonly database: string;
  readonly usable: boolean;
  readonly creatable: boolean;
  /** `table RIGHT`. */
  readonly withheld: readonly string[];
  readonly missing: readonly string[];
}

/**
 * Sees to it that the sink's own tables are there and may be used. Needs no right to create anything where an
 * administrator has made them.
 * @throws Failure `sink.objects_missing`, `sink.grant_missing` (stop), which name what is missing and the SQL that gives it
 */
export async function prepareOwnTables(client: Client, setsAside: boolean): Promise<void> {
  const needed = setsAside ? [...OWN_TABLES, DEAD_LETTERS] : OWN_TABLES;
  const pairs = needed.flatMap(({ name, rights }) => rights.map((right) => ({ name, right })));
  const names = [...needed.map(({ name }) => name), 'progress', 'wait_for'];
  const values = [pairs.map(({ name }) => name), pairs.map(({ right }) => right), names];
  let found = await look(client, values);
  if (found.missing.length > 0) {
    if (!found.creatable) throw objectsMissing(found);
    await createSinkTables(client);
    if (setsAside) await createDeadLetterTable(client);
    await createProgressTable(client);
    found = await look(client, values);
  }
  if (!found.usable || found.withheld.length > 0) throw grantMissing(found);
}

async function look(client: Client, values: readonly (readonly string[])[]): Promise<Found> {
  const { rows } = await client.query<Found>(FOUND, [...values]);
  return must(rows[0], 'the catalog answers with one row');
}

const PRINT = (role: string): string => `millrace sql --role sink --user ${role} --tables ..`;

function objectsMissing({ role, database, missing }: Found): Failure {
  return new Failure(
    'sink.objects_missing',
    'stop',
    `schema millrace of database ${database} lacks ${missing.join(', ')}, and role ${role} may not create them there`,
    { fix: `run what ${PRINT(role)} prints, as a superuser or the owner of the database` },
  );
}

function grantMissing({ role, usable, withheld: rights }: Found): Failure {
  const user = escapeIdentifier(role);
  const grants = usable ? [] : [`GRANT USAGE ON SCHEMA millrace TO ${user}`];
  const lacks = usable ? [] : ['USAGE on schema millrace'];
  for (const pair of rights) {
    const [name, right] = pair.split(' ', 2);
    lacks.push(`${right} on millrace.${name}`);
    grants.push(`GRANT ${right} ON millrace.${name} TO ${user}`);
  }
  return new Failure('sink.grant_missing', 'stop', `role ${role} lacks ${lacks.join(', ')}`, {
    fix: `${grants.join('; ')}; ${PRINT(role)} prints all that it needs`,
  });
}
