import { identifier } from '../../../connectors/postgres-source/wire/sql-text.ts';
import { type Random, between, pick, whole } from '../fault-lane.ts';
import type { ChaosColumn, ChaosTable } from './chaos-table.ts';
import { randomSql } from './random-value.ts';

/** Row numbers of large transactions begin behind all others. */
const LARGE_FROM = 100_000;
const LARGE_NUMBERS = 8_000;
const LARGE_ROWS = { from: 1_000, to: 5_000 };

type Make = (random: Random, table: ChaosTable) => string;

/** One change of a few rows. It may fail: keys are taken, and columns may be gone by the time that it runs. */
export function randomStatement(random: Random, table: ChaosTable): string {
  if (table.key.length === 0) return insert(random, table);
  const kinds: Make[] = [insert, update, update, update, updateSome, remove, replace];
  if (table.canUpsert) kinds.push(upsert, upsert);
  if (table.canMove) kinds.push(move, rotate);
  if (table.canSwap) kinds.push(swap, swap, swap);
  return pick(random, kinds)(random, table);
}

/** A change of some thousand rows, of columns that are stored in the row. */
export function largeStatement(random: Random, table: ChaosTable): string {
  const small = { ...table, columns: table.columns.filter(({ name }) => !name.startsWith('body')) };
  const columns = chosen(random, small);
  const from = LARGE_FROM + whole(random, LARGE_NUMBERS);
  const to = from + between(random, LARGE_ROWS);
  const series = `generate_series(${from}, ${to}) g`;
  const where = `(${names(table.key)}) = (${table.keySql('g').join(', ')})`;
  const dice = random();
  if (dice < 0.4 || table.key.length === 0)
    return `INSERT INTO ${table.name} (${names([...table.key, ...columns.map(({ name }) => name)])})
      SELECT ${[...table.keySql('g'), ...columns.map((column) => randomSql(random, column))].join(', ')} FROM ${series}
      ${table.canUpsert ? 'ON CONFLICT DO NOTHING' : ''}`;
  if (dice < 0.7)
    return `UPDATE ${table.name} SET ${assignments(random, columns)} FROM ${series} WHERE ${where}`;
  return `DELETE FROM ${table.name} USING ${series} WHERE ${where}`;
}

const names = (list: readonly string[]): string => list.map(identifier).join(', ');

const rowNumber = (random: Random, { rows }: ChaosTable): string => String(1 + whole(random, rows));

const keyIs = ({ key, keySql }: ChaosTable, n: string): string =>
  `(${names(key)}) = (${keySql(n).join(', ')})`;

const assignments = (random: Random, columns: readonly ChaosColumn[]): string =>
  columns.map((column) => `${identifier(column.name)} = ${randomSql(random, column)}`).join(', ');

/** Some of the columns, one at least; what is not nullable has a default. */
function chosen(random: Random, { columns }: ChaosTable): readonly ChaosColumn[] {
  const some = columns.filter(() => random() < 0.5);
  return some.length > 0 ? some : [pick(random, columns)];
}

function insert(random: Random, table: ChaosTable): string {
  const columns = chosen(random, table);
  const rows = Array.from({ length: 1 + whole(random, 4) }, () => {
    const values = columns.map((column) => randomSql(random, column));
    return `(${[...table.keySql(rowNumber(random, table)), ...values].join(', ')})`;
  });
  const target = names([...table.key, ...columns.map(({ name }) => name)]);
  const onConflict = table.canUpsert ? ' ON CONFLICT DO NOTHING' : '';
  return `INSERT INTO ${table.name} (${target}) VALUES ${rows.join(', ')}${onConflict}`;
}

function upsert(random: Random, table: ChaosTable): string {
  const columns = chosen(random, table);
  const target = names([...table.key, ...columns.map(({ name }) => name)]);
  const values = columns.map((column) => randomSql(random, column));
  const set = columns.map(({ name }) => `${identifier(name)} = excluded.${identifier(name)}`).join(', ');
  return `INSERT INTO ${table.name} (${target}) VALUES (${[...table.keySql(rowNumber(random, table)), ...values].join(', ')})
    ON CONFLICT (${names(table.key)}) DO UPDATE SET ${set}`;
}

function update(random: Random, table: ChaosTable): string {
  return `UPDATE ${table.name} SET ${assignments(random, chosen(random, table))} WHERE ${keyIs(table, rowNumber(random, table))}`;
}

function updateSome(random: Random, table: ChaosTable): string {
  const from = whole(random, table.rows);
  const where = `(${names(table.key)}) = (${table.keySql('g').join(', ')})`;
  return `UPDATE ${table.name} SET ${assignments(random, chosen(random, table))}
    FROM generate_series(${from}, ${from + 1 + whole(random, 20)}) g WHERE ${where}`;
}

function remove(random: Random, table: ChaosTable): string {
  return `DELETE FROM ${table.name} WHERE ${keyIs(table, rowNumber(random, table))}`;
}

/** A row goes and comes again within one transaction. */
function replace(random: Random, table: ChaosTable): string {
  const n = rowNumber(random, table);
  const columns = chosen(random, table);
  const target = names([...table.key, ...columns.map(({ name }) => name)]);
  const values = columns.map((column) => randomSql(random, column));
  return `DELETE FROM ${table.name} WHERE ${keyIs(table, n)};
    INSERT INTO ${table.name} (${target}) VALUES (${[...table.keySql(n), ...values].join(', ')})`;
}

function moveSql(table: ChaosTable, from: string, to: string): string {
  const set = table.key.map((name, i) => `${identifier(name)} = ${table.keySql(to)[i]}`).join(', ');
  return `UPDATE ${table.name} SET ${set} WHERE ${keyIs(table, from)}`;
}

/** The key of a row becomes another one, with other changes or alone. */
function move(random: Random, table: ChaosTable): string {
  const sql = moveSql(table, rowNumber(random, table), rowNumber(random, table));
  return random() < 0.5
    ? sql
    : sql.replace(' WHERE', `, ${assignments(random, chosen(random, table))} WHERE`);
}

/** Two rows swap their keys by way of a third, which nobody has. */
function rotate(random: Random, table: ChaosTable): string {
  const a = rowNumber(random, table);
  const b = rowNumber(random, table);
  const free = String(-1 - whole(random, 1_000_000));
  return [moveSql(table, a, free), moveSql(table, b, a), moveSql(table, free, b)].join(';\n');
}

/** Two rows swap their keys in one statement, which a deferrable key allows. */
function swap(random: Random, table: ChaosTable): string {
  const [key = ''] = names(table.key).split(', ');
  const [a = ''] = table.keySql(rowNumber(random, table));
  const [b = ''] = table.keySql(rowNumber(random, table));
  return `UPDATE ${table.name} SET ${key} = CASE ${key} WHEN ${a} THEN ${b} ELSE ${a} END WHERE ${key} IN (${a}, ${b})`;
}
