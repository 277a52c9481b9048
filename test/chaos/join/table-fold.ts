import type { Row } from './batches.ts';

/** The rows that are left of a table's changes, by customer. */
export function folded<V>(changes: readonly Row<{ readonly customer: string }, V>[]): Map<string, V> {
  const rows = new Map<string, V>();
  for (const change of changes) put(rows, change);
  return rows;
}

export function put<V>(rows: Map<string, V>, { key, value }: Row<{ readonly customer: string }, V>): void {
  if (value === null) rows.delete(key.customer);
  else rows.set(key.customer, value);
}
