import type { TableStorage } from './storage-reading.ts';

/** What was done to a table between two looks, of which the WAL's stream says nothing. */
export interface StorageChange {
  /** Why the topic may differ from the table now, null where it does not; in words that an operator reads. */
  readonly reasons: readonly string[];
  /** The rows were written anew, and no value can have changed: VACUUM FULL, CLUSTER, TRUNCATE and the like. */
  readonly moved: boolean;
  /** Partitions that are not the table's any more. */
  readonly left: readonly string[];
}

export function storageChange(before: TableStorage, now: TableStorage): StorageChange {
  const rewritten = Object.entries(now.parts).some(([oid, { file }]) => {
    const was = before.parts[oid];
    return was !== undefined && was.file !== file;
  });
  const columns = rewritten ? rewrittenColumns(before, now) : [];
  const attached = Object.entries(now.parts).filter(
    ([oid, part]) => before.parts[oid] === undefined && part.attached,
  );
  const was = `${before.schema}.${before.table}`;
  const isRenamed = was !== `${now.schema}.${now.table}`;
  const reasons = [
    ...(isRenamed ? [`it was ${was} before, and the topic of its new name has no rows from then`] : []),
    ...columns,
    ...attached.map(([, { name }]) => `${name} became a partition of it: rows that it had are in no stream`),
    ...(rewritten ? [] : defaultedColumns(before, now)),
  ];
  const left = Object.entries(before.parts).filter(([oid]) => now.parts[oid] === undefined);
  return {
    reasons,
    moved: rewritten && columns.length === 0,
    left: left.map(([, { name }]) => name),
  };
}

/** Each column whose values a rewrite may have changed. */
function rewrittenColumns(before: TableStorage, now: TableStorage): string[] {
  return Object.entries(now.columns).flatMap(([attnum, column]) => {
    const was = before.columns[attnum];
    const { name } = column;
    if (was === undefined)
      return column.filled && !column.missing
        ? [`column ${name} was added, with a value for every row that was there`]
        : [];
    if (was.type !== column.type)
      return [`column ${name} was changed from ${was.type} to ${column.type}, its values with it`];
    if (was.expression !== column.expression)
      return [`generated column ${name} is computed in another way, for every row that was there`];
    // A rewrite fills in what the catalog stood for: that alters the column's row in the catalog, and no value.
    const filledIn = was.missing && !column.missing;
    if (was.version !== column.version && !filledIn)
      return [`column ${name} was altered while the rows were written anew, so its values may be others`];
    return [];
  });
}

function defaultedColumns(before: TableStorage, now: TableStorage): string[] {
  return Object.entries(now.columns)
    .filter(([attnum, { missing }]) => before.columns[attnum] === undefined && missing)
    .map(([, { name }]) => `column ${name} was added with a default that the rows that were there have too`);
}
