import { identifier } from '../../../connectors/postgres-source/wire/sql-text.ts';
import { type Random, pick, whole } from '../fault-lane.ts';
import type { ChaosTable } from './chaos-table.ts';

/** A change of a table's shape. */
export interface ShapeChange {
  readonly sql: string;
  /** To be noted before it runs: whether it came through may stay unknown. */
  readonly rename?: readonly [from: string, to: string];
  /** Name and default of a column that is added with one. */
  readonly added?: readonly [name: string, defaultText: string];
}

/** A table does not grow beyond so many columns. */
const COLUMNS_MAX = 12;

/** Types of added columns, each with a default as SQL and as the topic's reader tells it. */
const ADDED = [
  ['text', "'d e f'", 'd e f'],
  ['int', '7', '7'],
  ['bigint', '-7', '-7'],
  ['boolean', 'true', 'true'],
  ['numeric(12,2)', '1.5', '1.50'],
  ['varchar(20)', "'short'", 'short'],
  ['jsonb', `'{"a": 1}'`, '{"a": 1}'],
] as const;

/** Types that grow without a loss, as the registry takes them: another Avro type that reads the old one, or the same. */
const GROWS: Readonly<Record<string, string>> = { integer: 'bigint', 'character varying(20)': 'text' };

/** `newName` gives a name that no column has had. */
export function randomShapeChange(random: Random, table: ChaosTable, newName: () => string): ShapeChange {
  const dice = random();
  const { name: relation, columns } = table;
  const column = columns.length === 0 ? null : pick(random, columns);
  const grows = columns.filter(({ type }) => type in GROWS);
  if (dice < 0.2 && columns.length > 2 && column !== null && column.name !== 'body')
    return { sql: `ALTER TABLE ${relation} DROP COLUMN ${identifier(column.name)}` };
  if (dice < 0.4 && column !== null && !column.name.startsWith('body')) {
    const name = newName();
    const sql = `ALTER TABLE ${relation} RENAME COLUMN ${identifier(column.name)} TO ${name}`;
    return { sql, rename: [column.name, name] };
  }
  if (dice < 0.6 && grows.length > 0) {
    const { name, type } = pick(random, grows);
    return { sql: `ALTER TABLE ${relation} ALTER COLUMN ${identifier(name)} TYPE ${GROWS[type]}` };
  }
  if (columns.length >= COLUMNS_MAX && column !== null)
    return { sql: `ALTER TABLE ${relation} DROP COLUMN ${identifier(column.name)}` };
  return addColumn(random, relation, newName());
}

function addColumn(random: Random, relation: string, name: string): ShapeChange {
  const [type, sqlDefault, text] = ADDED[whole(random, ADDED.length)] ?? ADDED[0];
  const sql = `ALTER TABLE ${relation} ADD COLUMN ${name} ${type}`;
  if (random() < 0.4) return { sql };
  const notNull = random() < 0.5 ? ' NOT NULL' : '';
  return { sql: `${sql}${notNull} DEFAULT ${sqlDefault}`, added: [name, text] };
}
