import { Failure } from '../../../infra/process/failure.ts';
import type { ColumnPolicy } from './column-policy.ts';
import { type NamePattern, matchesAny } from './name-pattern.ts';
import type { Relation } from '../changes/relation.ts';

/** Columns whose `schema.table.column` matches are treated by `policy`. */
export interface PolicyRule {
  readonly pattern: NamePattern;
  readonly policy: ColumnPolicy;
}

/** What of the publication goes to Kafka, and how. An empty list says nothing. */
export interface FilterOptions {
  readonly tableIncludeList: readonly NamePattern[];
  readonly tableExcludeList: readonly NamePattern[];
  readonly columnIncludeList: readonly NamePattern[];
  readonly columnExcludeList: readonly NamePattern[];
  /** The first rule that matches a column counts. */
  readonly columnPolicies: readonly PolicyRule[];
  /** Secret of the policy `hash`. */
  readonly hashKey?: string | undefined;
}

type TableName = Pick<Relation, 'schema' | 'table'>;
/** A table and the names of its columns. */
export type TableShape = TableName & { readonly columns: readonly { readonly name: string }[] };

const EXCLUDE: ColumnPolicy = { kind: 'exclude' };

export function includesTable(options: FilterOptions, { schema, table }: TableName): boolean {
  const name = `${schema}.${table}`;
  if (matchesAny(options.tableExcludeList, name)) return false;
  return options.tableIncludeList.length === 0 || matchesAny(options.tableIncludeList, name);
}

/** Null for a column of which nothing is said: it goes out as it is. */
export function policyOf(options: FilterOptions, table: TableName, column: string): ColumnPolicy | null {
  const name = `${table.schema}.${table.table}.${column}`;
  if (matchesAny(options.columnExcludeList, name)) return EXCLUDE;
  if (options.columnIncludeList.length > 0 && !matchesAny(options.columnIncludeList, name)) return EXCLUDE;
  return options.columnPolicies.find(({ pattern }) => pattern.regex.test(name))?.policy ?? null;
}

export function hasColumnPatterns(options: FilterOptions): boolean {
  const { columnIncludeList, columnExcludeList, columnPolicies } = options;
  return columnIncludeList.length + columnExcludeList.length + columnPolicies.length > 0;
}

/**
 * A pattern that matches nothing is a slip of the pen, and the column that it was meant for would go out in the clear.
 * `shapes` are the tables whose columns the policies reach.
 * @throws Failure `source.filter_unmatched` (stop) that lists them
 */
export function refuseUnmatched(
  options: FilterOptions,
  published: readonly TableName[],
  shapes: readonly TableShape[],
): void {
  const tables = published.map(({ schema, table }) => `${schema}.${table}`);
  const columns = shapes
    .filter((table) => includesTable(options, table))
    .flatMap(({ schema, table, columns: own }) => own.map(({ name }) => `${schema}.${table}.${name}`));
  const lists: [string, readonly NamePattern[], readonly string[]][] = [
    ['--table-include-list', options.tableIncludeList, tables],
    ['--table-exclude-list', options.tableExcludeList, tables],
    ['--column-include-list', options.columnIncludeList, columns],
    ['--column-exclude-list', options.columnExcludeList, columns],
    ['--column-policies', options.columnPolicies.map(({ pattern }) => pattern), columns],
  ];
  const problems = lists.flatMap(([option, patterns, names]) =>
    patterns
      .filter(({ regex }) => !names.some((name) => regex.test(name)))
      .map(({ text }) => `${option} ${text}`),
  );
  if (problems.length === 0) return;
  throw new Failure(
    'source.filter_unmatched',
    'stop',
    `${problems.length} pattern(s) match none of ${tables.length} published tables and ${columns.length} columns: ${problems.join(', ')}`,
    {
      fix: 'correct the pattern: it must match the whole of schema.table, or of schema.table.column of a table that is read; one pattern may have alternatives, (old_name|new_name)',
    },
  );
}
