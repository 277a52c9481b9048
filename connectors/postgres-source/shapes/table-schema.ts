import { must } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { AvroField, AvroRecord } from '../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import { avroName, avroNames } from './avro-name.ts';
import type { ColumnCodec, ColumnType } from '../types/column-codec.ts';
import type { ColumnMask } from '../records/column-mask.ts';
import { policyText } from './column-policy.ts';
import type { Relation } from '../changes/relation.ts';
import { messageKeyPlaces } from './message-key.ts';
import { columnCodec } from '../types/type-codec.ts';
import type { TableStorage } from '../toast/toast-catalog.ts';
import type { ToastPolicy } from '../toast/toast-policy.ts';
import { type ToastShape, toastColumns, toastShape } from '../toast/toast-shape.ts';
import { DEFAULT_TYPE_POLICY, type TypePolicy, columnRule } from '../types/type-policy.ts';

/**
 * What the catalog adds to a Relation message. The catalog is from the future, a Relation from its place in the WAL:
 * so only what a Relation cannot say is taken from it.
 */
export interface RelationDetails {
  /** Per column of the relation: the type's name with its modifier, and the type behind a domain. */
  readonly columns: readonly ColumnDetails[];
  /** COMMENT ON TABLE. */
  readonly comment?: string | null;
  /** Column names in index order; empty without a primary key. */
  readonly primaryKey: readonly string[];
  /** The primary key is checked when a transaction ends: until then, two rows may have the same. */
  readonly isKeyDeferrable?: boolean;
  /** The database does not know its encoding (SQL_ASCII): its text may be no UTF-8. */
  readonly isTextUnchecked?: boolean;
  readonly storage?: TableStorage;
}

export interface ColumnDetails {
  readonly typeName: string;
  readonly base: ColumnType;
  /** NOT NULL; undefined of a column that the catalog does not have any more. */
  readonly isNotNull?: boolean | undefined;
  /** COMMENT ON COLUMN. */
  readonly comment?: string | null;
}

export interface TableColumn {
  /** Name in the Avro record. */
  readonly field: string;
  /** As `format_type` prints it. */
  readonly typeName: string;
  readonly isNotNull: boolean | undefined;
  readonly codec: ColumnCodec;
  /** Part of the table's own key: never null. */
  readonly inKey: boolean;
  readonly treatment: ColumnTreatment;
}

/** `exclude`: the schemas do not have the column, and its codec writes nothing; null: its values go out as they are. */
export type ColumnTreatment = ColumnMask | 'exclude' | null;

const EXCLUDED: ColumnCodec = { avro: 'null', write: (_out, at) => at };

/** A relation as Avro: the columns with their codecs, and the two record schemas. */
export interface TableSchema {
  readonly schema: string;
  readonly table: string;
  /** In the relation's order, excluded ones too: a row has its values in these places. */
  readonly columns: readonly TableColumn[];
  /** Places in `columns`, in the order of the message key; empty for a table without a key. */
  readonly key: readonly number[];
  /** Places of the primary key or the replica identity, which tells rows apart; as `key` unless that was chosen. */
  readonly ownKey: readonly number[];
  /** False where rows may share a message key: the latest record of a key is then not all that is to be known of it. */
  readonly isKeyUnique: boolean;
  /** Within a transaction, two rows may have the same key. */
  readonly isKeyDeferrable: boolean;
  readonly keySchema: AvroRecord | null;
  readonly valueSchema: ValueSchema;
  /** Which values are kept so that a row can be completed; null where rows are published as they come. */
  readonly toast: ToastShape | null;
}

interface ValueSchema extends AvroRecord {
  /** Columns of the table that the record does not have. */
  readonly 'pg.excluded'?: readonly string[];
}

interface ColumnField extends AvroField {
  /** The column's name where Avro does not allow it. */
  readonly 'pg.name'?: string;
  /** What is done to the values, where they do not go out as they are. */
  readonly 'pg.policy'?: string;
  /** The labels of an enum as they were when the shape was registered; more may come without notice. */
  readonly 'pg.enum'?: readonly string[];
  /** `pg_attribute.attnum` of a column whose values may be out of line: a rename does not change it. */
  readonly 'pg.attribute'?: number;
}

const RESERVED = CHANGE_EVENT_FIELDS.map((field) => field.name);

/**
 * The table's own key columns are never null; every other column is, with default null, so that adding and dropping
 * columns stays compatible. The columns stand in the relation's order, which only ever grows at its end.
 * @param messageKey names of the columns of the message key; null takes the table's own
 * @throws Failure `source.message_key`, `source.key_policy`
 */
export function tableSchema(
  relation: Relation,
  details: RelationDetails,
  treatmentOf: (column: string) => ColumnTreatment = () => null,
  types: TypePolicy = DEFAULT_TYPE_POLICY,
  toastPolicy: ToastPolicy = 'mark',
  messageKey: readonly string[] | null = null,
): TableSchema {
  const names = avroNames(
    relation.columns.map((column) => column.name),
    RESERVED,
  );
  const ownKey = keyColumns(relation, details.primaryKey);
  const key = messageKey === null ? ownKey : messageKeyPlaces(relation, ownKey, messageKey);
  const isKeyUnique = ownKey.every((i) => key.includes(i));
  const columns = relation.columns.map((column, i): TableColumn => {
    const treatment = treatmentOf(column.name);
    const field = names[i] ?? column.name;
    return {
      field,
      typeName: details.columns[i]?.typeName ?? 'unknown',
      isNotNull: details.columns[i]?.isNotNull,
      codec:
        treatment === null
          ? codecOf(relation, details, i, field, types)
          : treatment === 'exclude'
            ? EXCLUDED
            : treatment.codec,
      inKey: ownKey.includes(i),
      treatment,
    };
  });
  for (const i of new Set([...ownKey, ...key])) refuseLostKey(relation, i, columns[i]?.treatment ?? null);
  const record = { type: 'record', namespace: namespaceOf(relation), ...originOf(relation) } as const;
  const toast = toastColumns(relation, details, columns);
  const attributes = new Map(toast.map(({ place, attribute }) => [place, attribute]));
  const fieldOf = (i: number): ColumnField => {
    const attribute = attributes.get(i);
    const field = columnField(relation, details, columns, i);
    return attribute === undefined ? field : { ...field, 'pg.attribute': attribute };
  };
  // NOT NULL may come and go without a word in the WAL; only a primary key's columns are never null.
  const keyField = (i: number): ColumnField => {
    const field = fieldOf(i);
    return ownKey.includes(i) ? field : { ...field, type: ['null', field.type] };
  };
  const valueFields = columns.flatMap(({ inKey, treatment }, i) => {
    if (treatment === 'exclude') return [];
    return inKey ? fieldOf(i) : nullable(fieldOf(i));
  });
  const excluded = relation.columns.filter((_, i) => columns[i]?.treatment === 'exclude');
  return {
    schema: relation.schema,
    table: relation.table,
    columns,
    key,
    ownKey,
    isKeyUnique,
    // Without FULL, Postgres refuses updates and deletes of a table with such a key.
    isKeyDeferrable:
      relation.identity === 'f' && key.length > 0 && isKeyUnique && details.isKeyDeferrable === true,
    keySchema: key.length === 0 ? null : { ...record, name: 'Key', fields: key.map(keyField) },
    valueSchema: {
      ...record,
      name: 'Value',
      ...docOf(details.comment ?? null, null),
      fields: [...valueFields, ...CHANGE_EVENT_FIELDS],
      ...(excluded.length === 0 ? {} : { 'pg.excluded': excluded.map(({ name }) => name) }),
    },
    // Where another key was chosen, Postgres sends the row before whole, or rows never change.
    toast: toastPolicy === 'fill' && messageKey === null ? toastShape(relation, details, toast, key) : null,
  };
}

/** The names of schema and table stand beside a namespace that Avro could not take as it was. */
function originOf(relation: Relation): { readonly 'pg.schema'?: string; readonly 'pg.table'?: string } {
  const { schema, table } = relation;
  return namespaceOf(relation) === `${schema}.${table}` ? {} : { 'pg.schema': schema, 'pg.table': table };
}

function codecOf(
  relation: Relation,
  details: RelationDetails,
  i: number,
  field: string,
  types: TypePolicy,
): ColumnCodec {
  const { name, typeOid, typmod } = must(relation.columns[i], 'a column of the relation');
  const { schema, table } = relation;
  return columnCodec(details.columns[i]?.base ?? { oid: typeOid, typmod }, {
    column: `${schema}.${table}.${name}`,
    record: { name: field, namespace: `${namespaceOf(relation)}.column` },
    rule: columnRule(types, schema, table, name),
    isTextUnchecked: details.isTextUnchecked ?? false,
  });
}

function namespaceOf({ schema, table }: Relation): string {
  return `${avroName(schema)}.${avroName(table)}`;
}

/** The primary key where old rows carry it, else the replica identity's columns, else none. */
function keyColumns(relation: Relation, primaryKey: readonly string[]): number[] {
  const places = primaryKey.map((name) => relation.columns.findIndex((column) => column.name === name));
  const usable = places.every(
    (i) => i >= 0 && (relation.identity === 'n' || relation.columns[i]?.inIdentity === true),
  );
  if (places.length > 0 && usable) return places;
  // FULL marks every column: a row is then no key.
  if (relation.identity === 'f') return [];
  return relation.columns.flatMap((column, i) => (column.inIdentity ? [i] : []));
}

function columnField(
  relation: Relation,
  details: RelationDetails,
  columns: readonly TableColumn[],
  i: number,
): ColumnField {
  const name = relation.columns[i]?.name ?? '';
  const field = columns[i]?.field ?? name;
  const treatment = columns[i]?.treatment ?? null;
  const shape = details.columns[i]?.base.shape;
  const mask = treatment === 'exclude' ? null : treatment;
  return {
    name: field,
    type: columns[i]?.codec.avro ?? 'string',
    // A target keeps a mask in a column of text, whatever the column was.
    'pg.type': mask === null ? (details.columns[i]?.typeName ?? 'unknown') : 'text',
    ...(field === name ? {} : { 'pg.name': name }),
    ...(shape?.kind === 'enum' && treatment === null ? { 'pg.enum': shape.labels } : {}),
    ...docOf(details.columns[i]?.comment ?? null, mask),
    ...(mask === null ? {} : { 'pg.policy': policyText(mask.policy) }),
  };
}

/** A comment may quote what a mask hides: so the mask's own words take its place. */
function docOf(comment: string | null, mask: ColumnMask | null): { readonly doc?: string } {
  const doc = mask === null ? comment : mask.doc;
  return doc === null ? {} : { doc };
}

/** Rows with unlike keys must keep them unlike: only a hash does, and with it joins. */
function refuseLostKey(relation: Relation, i: number, treatment: ColumnTreatment): void {
  if (treatment === null || (treatment !== 'exclude' && treatment.policy.kind === 'hash')) return;
  const name = `${relation.schema}.${relation.table}.${relation.columns[i]?.name}`;
  const policy = treatment === 'exclude' ? 'exclude' : policyText(treatment.policy);
  throw new Failure(
    'source.key_policy',
    'stop',
    `${name} is part of the key, and ${policy} takes from rows what tells them apart`,
    { fix: 'let the column out, or hash it' },
  );
}

function nullable(field: ColumnField): ColumnField {
  return { ...field, type: ['null', field.type], default: null };
}
