import type { AvroField, AvroRecord } from '../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../schemas/change-event.ts';
import { avroName, avroNames } from './avro-name.ts';
import { type ColumnCodec, type ColumnType, columnCodec } from './column-codec.ts';
import type { Relation } from './relation.ts';

/**
 * What the catalog adds to a Relation message. The catalog is from the future, a Relation from its place in the WAL:
 * so only what a Relation cannot say is taken from it.
 */
export interface RelationDetails {
  /** Per column of the relation: the type's name with its modifier, and the type behind a domain. */
  readonly columns: readonly { readonly typeName: string; readonly base: ColumnType }[];
  /** Column names in index order; empty without a primary key. */
  readonly primaryKey: readonly string[];
}

export interface TableColumn {
  /** Name in the Avro record. */
  readonly field: string;
  readonly codec: ColumnCodec;
  readonly inKey: boolean;
}

/** A relation as Avro: the columns with their codecs, and the two record schemas. */
export interface TableSchema {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly TableColumn[];
  /** Places in `columns`, in the order of the key; empty for a table without a key. */
  readonly key: readonly number[];
  readonly keySchema: AvroRecord | null;
  readonly valueSchema: AvroRecord;
}

interface ColumnField extends AvroField {
  /** The column's name where Avro does not allow it. */
  readonly 'pg.name'?: string;
}

const RESERVED = CHANGE_EVENT_FIELDS.map((field) => field.name);

/**
 * Key columns are never null; every other column is, with default null, so that adding and dropping columns stays
 * compatible. The columns stand in the relation's order, which only ever grows at its end.
 */
export function tableSchema(relation: Relation, details: RelationDetails): TableSchema {
  const names = avroNames(
    relation.columns.map((column) => column.name),
    RESERVED,
  );
  const key = keyColumns(relation, details.primaryKey);
  const columns = relation.columns.map((column, i) => ({
    field: names[i] ?? column.name,
    codec: columnCodec(details.columns[i]?.base ?? { oid: column.typeOid, typmod: column.typmod }),
    inKey: key.includes(i),
  }));
  const namespace = `${avroName(relation.schema)}.${avroName(relation.table)}`;
  const fieldOf = (i: number): ColumnField => columnField(relation, details, columns, i);
  const valueFields = columns.map((column, i) => (column.inKey ? fieldOf(i) : nullable(fieldOf(i))));
  return {
    schema: relation.schema,
    table: relation.table,
    columns,
    key,
    keySchema: key.length === 0 ? null : { type: 'record', name: 'Key', namespace, fields: key.map(fieldOf) },
    valueSchema: {
      type: 'record',
      name: 'Value',
      namespace,
      fields: [...valueFields, ...CHANGE_EVENT_FIELDS],
    },
  };
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
  return {
    name: field,
    type: columns[i]?.codec.avro ?? 'string',
    'pg.type': details.columns[i]?.typeName ?? 'unknown',
    ...(field === name ? {} : { 'pg.name': name }),
  };
}

function nullable(field: ColumnField): ColumnField {
  return { ...field, type: ['null', field.type], default: null };
}
