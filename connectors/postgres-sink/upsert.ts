import { createHash } from 'node:crypto';
import { escapeIdentifier } from 'pg';
import { ArrayLiteral } from './array-literal.ts';
import type { Change, TableBatch } from './batch.ts';
import { SpecialText } from './special-text.ts';
import { type Column, type TargetTable, quotedName } from './target-table.ts';

/** A statement for `pg`; one with a name is prepared once per session. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly string[];
}

/** The statements of one table, written once for all of its batches. */
export class TableWriter {
  readonly table: TargetTable;
  readonly #keys: readonly Column[];
  readonly #upsert: string;
  readonly #delete: string;

  constructor(table: TargetTable) {
    this.table = table;
    this.#keys = table.columns.filter((column) => column.key);
    this.#upsert = upsertText(table, new Set());
    this.#delete = deleteText(table, this.#keys);
  }

  /** Deletes come first, so that a row may take over a unique value from a row that goes. */
  *statements(batch: TableBatch): Generator<Statement> {
    if (batch.deletes.length > 0) yield prepared(this.#delete, this.#keys, batch.deletes);
    for (const { unchanged, rows } of batch.upserts) {
      if (unchanged.length === 0) yield prepared(this.#upsert, this.table.columns, rows);
      // Sets of columns are too many to keep a prepared statement for each.
      else
        yield {
          text: upsertText(this.table, new Set(unchanged)),
          values: parameters(this.table.columns, rows),
        };
    }
  }
}

function prepared(text: string, columns: readonly Column[], rows: readonly Change[]): Statement {
  const name = `millrace_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
  return { name, text, values: parameters(columns, rows) };
}

/** @param unchanged columns (by column or field name) that keep their value in a row that exists */
function upsertText(table: TargetTable, unchanged: ReadonlySet<string>): string {
  const names = table.columns.map((column) => escapeIdentifier(column.name));
  const keys = table.columns.filter((column) => column.key);
  const set = table.columns
    .filter((column) => !column.key && !unchanged.has(column.name) && !unchanged.has(column.field))
    .map((column) => `${escapeIdentifier(column.name)} = excluded.${escapeIdentifier(column.name)}`);
  return (
    `INSERT INTO ${quotedName(table.name)} (${names.join(', ')}) ` +
    `SELECT ${table.columns.map(selected).join(', ')} FROM ${unnested(table.columns)} ` +
    `ON CONFLICT (${keys.map((column) => escapeIdentifier(column.name)).join(', ')}) ` +
    (set.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${set.join(', ')}`)
  );
}

function deleteText(table: TargetTable, keys: readonly Column[]): string {
  const match = keys.map((column, i) => `t.${escapeIdentifier(column.name)} = ${selected(column, i)}`);
  return `DELETE FROM ${quotedName(table.name)} AS t USING ${unnested(keys)} WHERE ${match.join(' AND ')}`;
}

function selected(column: Column, index: number): string {
  const { sql, parameter, cast = sql } = column.type;
  return parameter === 'text' && cast !== 'text' ? `u.c${index}::${cast}` : `u.c${index}`;
}

function unnested(columns: readonly Column[]): string {
  const arrays = columns.map((column, i) => `$${i + 1}::${column.type.parameter}[]`);
  return `unnest(${arrays.join(', ')}) AS u(${columns.map((_, i) => `c${i}`).join(', ')})`;
}

/** One array literal per column. */
function parameters(columns: readonly Column[], rows: readonly Change[]): string[] {
  return columns.map((column) => {
    const literal = new ArrayLiteral();
    for (const change of rows) {
      const fields = column.key ? change.key : change.row;
      const value = fields?.[column.field] ?? null;
      if (value === null) literal.addNull();
      else if (value instanceof SpecialText)
        literal.add(column.type.special?.(value.text) ?? value.text, true);
      else literal.add(column.type.text(value), column.type.quoted);
    }
    return literal.toString();
  });
}
