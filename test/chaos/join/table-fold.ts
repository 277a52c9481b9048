import { must } from '../../../infra/process/assert.ts';
import type { Row } from './batches.ts';

/** The rows that are left of a table's changes, by the first field of the key. */
export function folded<V>(changes: readonly Row<object, V>[]): Map<string, V> {
  const rows = new Map<string, V>();
  for (const change of changes) put(rows, change);
  return rows;
}

export function put<V>(rows: Map<string, V>, { key, value }: Row<object, V>): void {
  const [name] = Object.values(key) as readonly string[];
  if (value === null) rows.delete(must(name, 'a key has a field'));
  else rows.set(must(name, 'a key has a field'), value);
}
