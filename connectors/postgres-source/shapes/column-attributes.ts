import type { RelationColumn } from '../changes/relation.ts';

/** A column as the catalog has it now. */
export interface PresentColumn {
  readonly name: string;
  readonly typeOid: number;
  /** `pg_attribute.attnum`: columns stand in its order. */
  readonly attribute: number;
}

/**
 * The attribute numbers of a relation's columns, which pgoutput does not tell. The catalog may be of a later time, and
 * then a name may be another column's: `DROP b, RENAME a TO b`. So the numbers count when every name is still there, in
 * order; or when the columns are as many, of the same types, and no name has moved, which is what renames leave. Else
 * all are null.
 */
export function columnAttributes(
  columns: readonly Pick<RelationColumn, 'name' | 'typeOid'>[],
  present: readonly PresentColumn[],
): (number | null)[] {
  const byName = new Map(present.map((column) => [column.name, column.attribute]));
  const named = columns.map(({ name }) => byName.get(name) ?? null);
  const isWhole = named.every(
    (attribute, i) => attribute !== null && (i === 0 || attribute > (named[i - 1] ?? 0)),
  );
  if (isWhole) return named;
  const isRenamed =
    columns.length === present.length &&
    columns.every(({ typeOid }, i) => present[i]?.typeOid === typeOid) &&
    named.every((attribute, i) => attribute === null || attribute === present[i]?.attribute);
  return isRenamed ? present.map(({ attribute }) => attribute) : columns.map(() => null);
}
