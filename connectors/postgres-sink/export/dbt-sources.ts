import type { CatalogColumn, CatalogTable, Freshness } from './table-catalog.ts';
import { type YamlValue, yamlText } from './yaml-text.ts';

export interface DbtTable {
  readonly table: CatalogTable;
  readonly freshness: Freshness | undefined;
}

export interface DbtOptions {
  /** First part of `{{ source('name', 'table') }}`; a second schema adds its name to it. */
  readonly sourceName: string;
  readonly database: string;
  readonly warnAfterMinutes: number;
  readonly errorAfterMinutes: number;
  /** The project has the package dbt_utils: keys of several columns get its test of uniqueness. */
  readonly dbtUtils: boolean;
}

/**
 * A dbt `sources.yml`: one source per schema. Tests are `data_tests` and freshness is under `config`, as dbt 1.10 and
 * later have them. https://docs.getdbt.com/reference/source-properties
 */
export function dbtSources(tables: readonly DbtTable[], options: DbtOptions): string {
  const schemas = Map.groupBy(tables, ({ table }) => table.name.schema);
  const sources = [...schemas].map(([schema, members]) => ({
    name: schemas.size === 1 ? options.sourceName : `${options.sourceName}_${schema.replaceAll(/\W/g, '_')}`,
    description: 'Tables that Millrace keeps equal to topics.',
    database: options.database,
    schema,
    tables: members.map((member) => tableEntry(member, options)),
  }));
  return yamlText({ version: 2, sources });
}

function tableEntry({ table, freshness }: DbtTable, options: DbtOptions): YamlValue {
  const { key, columns, comment } = table;
  return {
    name: table.name.table,
    description: comment === null ? undefined : literal(comment),
    config: freshness === undefined ? undefined : freshnessEntry(freshness, options),
    data_tests:
      options.dbtUtils && key.length > 1
        ? [{ 'dbt_utils.unique_combination_of_columns': { arguments: { combination_of_columns: key } } }]
        : undefined,
    columns: columns.map((column) => columnEntry(column, key)),
  };
}

function freshnessEntry(freshness: Freshness, options: DbtOptions): YamlValue {
  return {
    ...freshness,
    freshness: {
      warn_after: { count: options.warnAfterMinutes, period: 'minute' },
      error_after: { count: options.errorAfterMinutes, period: 'minute' },
    },
  };
}

function columnEntry({ name, type, notNull, comment }: CatalogColumn, key: readonly string[]): YamlValue {
  const tests = [
    ...(key.includes(name) || notNull ? ['not_null'] : []),
    ...(key.length === 1 && key[0] === name ? ['unique'] : []),
  ];
  return {
    name,
    description: comment === null ? undefined : literal(comment),
    data_type: type,
    data_tests: tests.length === 0 ? undefined : tests,
  };
}

/** dbt renders what it reads as a Jinja template: braces of a comment are text. */
function literal(comment: string): string {
  return comment.replaceAll(/\{(?=[{%#])/g, "{{ '{' }}");
}
