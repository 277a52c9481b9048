import { Failure } from '../../infra/process/failure.ts';
import type { TableName } from './target-table.ts';

const NAME = /^(?:([^.]+)\.)?(.+)$/;

/**
 * Reads `schema.table`, or `table` of schema `public`: names as they are in the catalog (no quotes, no folding).
 * @throws Failure `config.invalid` (stop)
 */
export function parseTableName(text: string): TableName {
  const [, schema = 'public', table] = NAME.exec(text.trim()) ?? [];
  if (table !== undefined) return { schema, table };
  throw new Failure('config.invalid', 'stop', `"${text}" is not of the form schema.table`);
}
