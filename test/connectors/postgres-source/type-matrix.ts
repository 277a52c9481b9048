import { NESTED_CASES } from './nested-cases.ts';
import { SCALAR_CASES } from './scalar-cases.ts';
import type { TypeCase } from './type-case.ts';

/** What the types of {@link TYPE_MATRIX} are made of. */
export const MATRIX_SETUP = `
  CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION seg;
  CREATE TYPE mood AS ENUM ('sad', 'so, so', 'happy');
  CREATE TYPE address AS (street text, "house no" int, since date);
  CREATE DOMAIN price AS numeric(10,2);
  CREATE DOMAIN small_price AS price CHECK (VALUE < 100);
  CREATE DOMAIN days AS date[]`;

/** What sessions print by default is made as unlike as can be: the source must pin its own. */
export const printingSettings = (database: string): string =>
  [
    "DateStyle = 'German, DMY'",
    "IntervalStyle = 'sql_standard'",
    "TimeZone = 'Asia/Kathmandu'",
    'extra_float_digits = -5',
    "bytea_output = 'escape'",
    "xmlbinary = 'hex'",
  ]
    .map((setting) => `ALTER DATABASE ${database} SET ${setting};`)
    .join('\n');

export const TYPE_MATRIX: readonly TypeCase[] = [...SCALAR_CASES, ...NESTED_CASES];

export const MATRIX_TABLE = `CREATE TABLE matrix (id int PRIMARY KEY, ${TYPE_MATRIX.map(({ column, type }) => `${column} ${type}`).join(', ')}, touched int)`;

export const MATRIX_ROWS = Math.max(...TYPE_MATRIX.map(({ values }) => values.length));

/** Inserts the values that every column has at place `row`, null where it has fewer. */
export function matrixInsert(row: number): string {
  const values = TYPE_MATRIX.map(({ values, type }) => {
    const sql = values[row]?.[0];
    return sql === undefined ? 'NULL' : `(${sql})::${type}`;
  });
  return `INSERT INTO matrix VALUES (${row}, ${values.join(', ')}, 0)`;
}
