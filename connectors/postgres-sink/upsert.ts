import { createHash } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import { ArrayLiteral } from './array-literal.ts';
import type { Change, TableBatch } from './batch.ts';
import { RawChange } from './raw-change.ts';
import { rawParameter } from './raw-parameter.ts';
import { SpecialText } from './special-text.ts';
import { DELETED_COLUMN, POSITION_COLUMNS } from './meta-columns.ts';
import { type Column, type TargetTable, quotedName } from './target-table.ts';

/** A statement for `pg`; one with a name is prepared once per session. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  /** Texts, or bytes in the binary form of the parameter's type. */
  readonly values: readonly (string | Buffer)[];
}

/** One statement's part of a batch. It does the same for some of its rows as for all. */
export interface Step {
  readonly op: 'truncate' | 'delete' | 'upsert';
  /** None of a truncate. */
  readonly rows: readonly Change[];
  readonly statement: (rows: readonly Change[]) => Statement;
}

/** The statements of one table, written once for all of its batches. */
export class TableWriter {
  readonly table: TargetTable;
  /** Deleted rows stay, marked. */
  readonly keepsDeleted: boolean;
  readonly #deleteColumns: readonly Column[];
  readonly #upsert: Prepared;
  readonly #delete: Prepared;
  readonly #truncate: string;

  constructor(table: TargetTable) {
    this.table = table;
    this.keepsDeleted = isKept(table, DELETED_COLUMN);
    const isTold = (column: Column): boolean => column.meta !== undefined && column.name !== DELETED_COLUMN;
    this.#deleteColumns = table.columns.filter((column) => column.key || isTold(column));
    this.#upsert = new Prepared(upsertText(table, new Set()), table.columns);
    this.#delete = new Prepared(deleteText(table, this.#deleteColumns), this.#deleteColumns);
    this.#truncate = truncateText(table);
  }

  *statements(batch: TableBatch): Generator<Statement> {
    for (const { rows, statement } of this.steps(batch)) yield statement(rows);
  }

  /** Deletes come first, so that a row may take over a unique value from a row that goes. */
  *steps(batch: TableBatch): Generator<Step> {
    if (batch.truncates)
      yield { op: 'truncate', rows: [], statement: () => ({ text: this.#truncate, values: [] }) };
    if (batch.deletes.length > 0)
      yield {
        op: 'delete',
        rows: batch.deletes,
        statement: onceFor(batch.deletes, (rows) => this.#delete.with(rows)),
      };
    for (const { unchanged, rows } of batch.upserts)
      yield { op: 'upsert', rows, statement: onceFor(rows, (some) => this.#upsertOf(unchanged, some)) };
  }

  #upsertOf(unchanged: readonly string[], rows: readonly Change[]): Statement {
    if (unchanged.length === 0) return this.#upsert.with(rows);
    // Sets of columns are too many to keep a prepared statement for each.
    return {
      text: upsertText(this.table, new Set(unchanged)),
      values: this.table.columns.map((column) => parameter(column, rows, 0)),
    };
  }
}

function isKept(table: TargetTable, name: string): boolean {
  return table.columns.some((column) => column.meta !== undefined && column.name === name);
}

/** Writes the statement of all rows once, whoever asks first. */
function onceFor(all: readonly Change[], write: Step['statement']): Step['statement'] {
  let whole: Statement | null = null;
  return (rows) => (rows === all ? (whole ??= write(rows)) : write(rows));
}

/** A statement that each session prepares once. */
class Prepared {
  readonly #name: string;
  readonly #text: string;
  readonly #columns: readonly Column[];
  /** Of each column's array, by row, when it was written last. */
  readonly #bytesPerRow: number[];

  constructor(text: string, columns: readonly Column[]) {
    this.#name = `millrace_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
    this.#text = text;
    this.#columns = columns;
    this.#bytesPerRow = columns.map(() => 0);
  }

  with(rows: readonly Change[]): Statement {
    const values = this.#columns.map((column, i) => {
      const expected = Math.ceil((this.#bytesPerRow[i] ?? 0) * rows.length * SPARE);
      const value = parameter(column, rows, expected);
      this.#bytesPerRow[i] = value.length / Math.max(1, rows.length);
      return value;
    });
    return { name: this.#name, text: this.#text, values };
  }
}

/** Rows of the next batch may be somewhat longer than those of this one. */
const SPARE = 1.1;

/** @param unchanged columns (by column or field name) that keep their value in a row that exists */
function upsertText(table: TargetTable, unchanged: ReadonlySet<string>): string {
  const names = table.columns.map((column) => escapeIdentifier(column.name));
  const keys = table.columns.filter((column) => column.key);
  const set = table.columns
    .filter((column) => !column.key && !unchanged.has(column.name) && !unchanged.has(column.field))
    .map((column) => `${escapeIdentifier(column.name)} = excluded.${escapeIdentifier(column.name)}`);
  return (
    `INSERT INTO ${quotedName(table.name)} AS t (${names.join(', ')}) ` +
    `SELECT ${table.columns.map(selected).join(', ')} FROM ${unnested(table.columns)} ` +
    `ON CONFLICT (${keys.map((column) => escapeIdentifier(column.name)).join(', ')}) ` +
    (set.length === 0
      ? 'DO NOTHING'
      : `DO UPDATE SET ${set.join(', ')}${condition('WHERE', table, inserted)}`)
  );
}

/** @param columns the key's, and the meta columns that a deletion fills */
function deleteText(table: TargetTable, columns: readonly Column[]): string {
  const name = quotedName(table.name);
  const given = new Map(columns.map((column, i) => [column.name, selected(column, i)]));
  const match = columns
    .filter((column) => column.key)
    .map((column) => `t.${escapeIdentifier(column.name)} = ${given.get(column.name)}`);
  const where = `WHERE ${match.join(' AND ')}${condition('AND', table, (column) => given.get(column) ?? 'NULL')}`;
  if (!isKept(table, DELETED_COLUMN)) return `DELETE FROM ${name} AS t USING ${unnested(columns)} ${where}`;
  const set = columns
    .filter((column) => !column.key)
    .map((column) => {
      const own = escapeIdentifier(column.name);
      return `, ${own} = coalesce(${given.get(column.name)}, t.${own})`;
    });
  return `UPDATE ${name} AS t SET ${escapeIdentifier(DELETED_COLUMN)} = true${set.join('')} FROM ${unnested(columns)} ${where}`;
}

/** Not TRUNCATE, whose empty table readers of older snapshots would see, and which waits for all of them. */
function truncateText(table: TargetTable): string {
  const deleted = escapeIdentifier(DELETED_COLUMN);
  return isKept(table, DELETED_COLUMN)
    ? `UPDATE ${quotedName(table.name)} SET ${deleted} = true WHERE NOT ${deleted}`
    : `DELETE FROM ${quotedName(table.name)}`;
}

function inserted(column: string): string {
  return `excluded.${escapeIdentifier(column)}`;
}

/** That a change is not from before the row that it meets; true where one of them does not say. */
function condition(word: string, table: TargetTable, given: (column: string) => string): string {
  if (!isKept(table, POSITION_COLUMNS[0])) return '';
  const stored = POSITION_COLUMNS.map((column) => `t.${escapeIdentifier(column)}`);
  return ` ${word} ((${stored.join(', ')}) <= (${POSITION_COLUMNS.map(given).join(', ')})) IS NOT FALSE`;
}

function selected(column: Column, index: number): string {
  const { sql, parameter, cast = sql } = column.type;
  return parameter === 'text' && cast !== 'text' ? `u.c${index}::${cast}` : `u.c${index}`;
}

function unnested(columns: readonly Column[]): string {
  const arrays = columns.map((column, i) => `$${i + 1}::${column.type.parameter}[]`);
  return `unnest(${arrays.join(', ')}) AS u(${columns.map((_, i) => `c${i}`).join(', ')})`;
}

/** The array of a column: in binary where all changes are still bytes and have a binary form, else as text. */
function parameter(column: Column, rows: readonly Change[], expectedBytes: number): string | Buffer {
  return (areRaw(rows) ? rawParameter(column, rows, expectedBytes) : null) ?? arrayText(column, rows);
}

function areRaw(rows: readonly Change[]): rows is readonly RawChange[] {
  return rows.every((row) => row instanceof RawChange);
}

function arrayText(column: Column, rows: readonly Change[]): string {
  const literal = new ArrayLiteral();
  for (const change of rows) {
    const value = valueOf(column, change) ?? null;
    if (value === null) literal.addNull();
    else if (value instanceof SpecialText) literal.add(column.type.special?.(value.text) ?? value.text, true);
    else literal.add(column.type.text(value), column.type.quoted);
  }
  return literal.toString();
}

function valueOf(column: Column, change: Change): unknown {
  if (column.meta !== undefined) return column.meta.value(change);
  if (change instanceof RawChange)
    return column.key ? change.keyValue(column.field) : change.rowValue(column.field);
  return column.key ? change.key[column.field] : change.row?.[column.field];
}
