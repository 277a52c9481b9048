import { z } from 'zod';
import type { Relation } from '../changes/relation.ts';
import type { RowEncoder } from '../records/row-encoder.ts';

const changedColumn = z.object({
  name: z.string(),
  /** As Postgres writes it, with its modifier. */
  type: z.string(),
  typeOid: z.number(),
  typmod: z.number(),
  /** What the catalog said when the shape was read, which may be from later; null where it does not know the column. */
  nullable: z.boolean().nullable(),
  key: z.boolean(),
  /** The topic's records do not have it. */
  excluded: z.boolean(),
});

/** A table as its rows come from one change on. */
export const shapeFacts = z.object({
  schema: z.string(),
  table: z.string(),
  oid: z.number(),
  topic: z.string(),
  /** What is done with its rows: those of a shape that the topic does not take are left out or set aside. */
  rows: z.enum(['published', 'paused', 'dead-letter']),
  /** Null where there is no key, or where the shape is not taken. */
  keySchemaId: z.number().nullable(),
  valueSchemaId: z.number().nullable(),
  columns: z.array(changedColumn),
  /** Names of the key's columns, in its order. */
  key: z.array(z.string()),
});

export type ShapeFacts = z.output<typeof shapeFacts>;

/** What is new about a shape. A rename is told by its place: the WAL has no numbers of columns. */
export interface ShapeChange {
  readonly kinds: readonly (
    | 'table_created'
    | 'table_recreated'
    | 'columns_added'
    | 'columns_dropped'
    | 'columns_renamed'
    | 'columns_retyped'
    | 'key_changed'
    | 'topic_changed'
    | 'rows_changed'
    | 'columns_reordered'
  )[];
  readonly added: readonly string[];
  readonly dropped: readonly string[];
  readonly renamed: readonly { readonly from: string; readonly to: string }[];
  readonly retyped: readonly { readonly column: string; readonly from: string; readonly to: string }[];
  readonly keyBefore: readonly string[] | null;
}

/** `encoder`: that of the shape, or of its keys while the table is paused. */
export function factsOf(relation: Relation, encoder: RowEncoder, isPaused: boolean): ShapeFacts {
  const { schema, target, refusal } = encoder;
  const columns = relation.columns.map(({ name, typeOid, typmod }, i) => {
    const column = schema.columns[i];
    return {
      name,
      type: column?.typeName ?? 'unknown',
      typeOid,
      typmod,
      nullable: column?.isNotNull === undefined ? null : !column.isNotNull,
      key: schema.ownKey.includes(i),
      excluded: column?.treatment === 'exclude',
    };
  });
  return {
    schema: relation.schema,
    table: relation.table,
    oid: relation.oid,
    topic: target.topic,
    rows: isPaused ? 'paused' : refusal === null ? 'published' : 'dead-letter',
    keySchemaId: target.keySchemaId,
    valueSchemaId: refusal === null ? target.valueSchemaId : null,
    columns,
    key: schema.ownKey.map((place) => relation.columns[place]?.name ?? ''),
  };
}

/** Null where nothing has changed for those who read the rows. */
export function shapeChange(before: ShapeFacts | null, now: ShapeFacts): ShapeChange | null {
  if (before === null)
    return { kinds: ['table_created'], added: [], dropped: [], renamed: [], retyped: [], keyBefore: null };
  const old = new Map(before.columns.map((column) => [column.name, column]));
  const names = new Set(now.columns.map(({ name }) => name));
  const renamed = renamedColumns(before, now, old, names);
  const from = new Set(renamed.map((pair) => pair.from));
  const to = new Set(renamed.map((pair) => pair.to));
  const added = now.columns.map(({ name }) => name).filter((name) => !old.has(name) && !to.has(name));
  const dropped = [...old.keys()].filter((name) => !names.has(name) && !from.has(name));
  const retyped = now.columns.flatMap(({ name, type, typeOid, typmod }) => {
    const was = old.get(name);
    if (was === undefined || (was.typeOid === typeOid && was.typmod === typmod)) return [];
    return [{ column: name, from: was.type, to: type }];
  });
  const keyChanged = String(before.key) !== String(now.key);
  const kinds: ShapeChange['kinds'][number][] = [];
  if (before.oid !== now.oid) kinds.push('table_recreated');
  if (added.length > 0) kinds.push('columns_added');
  if (dropped.length > 0) kinds.push('columns_dropped');
  if (renamed.length > 0) kinds.push('columns_renamed');
  if (retyped.length > 0) kinds.push('columns_retyped');
  if (keyChanged) kinds.push('key_changed');
  if (before.topic !== now.topic) kinds.push('topic_changed');
  if (before.rows !== now.rows) kinds.push('rows_changed');
  if (kinds.length === 0 && !sameOrder(before, now)) kinds.push('columns_reordered');
  if (kinds.length === 0) return null;
  return { kinds, added, dropped, renamed, retyped, keyBefore: keyChanged ? before.key : null };
}

/** A column in the place and of the type of one that is gone. */
function renamedColumns(
  before: ShapeFacts,
  now: ShapeFacts,
  old: ReadonlyMap<string, unknown>,
  names: ReadonlySet<string>,
): { readonly from: string; readonly to: string }[] {
  if (before.columns.length !== now.columns.length) return [];
  return now.columns.flatMap(({ name, typeOid, typmod }, i) => {
    const was = before.columns[i];
    if (was === undefined || old.has(name) || names.has(was.name)) return [];
    return was.typeOid === typeOid && was.typmod === typmod ? [{ from: was.name, to: name }] : [];
  });
}

function sameOrder(before: ShapeFacts, now: ShapeFacts): boolean {
  const text = ({ columns }: ShapeFacts): string =>
    JSON.stringify(columns.map(({ name, excluded }) => [name, excluded]));
  return text(before) === text(now);
}
