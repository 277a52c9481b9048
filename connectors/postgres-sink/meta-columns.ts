import { Failure } from '../../infra/process/failure.ts';
import { TOMBSTONE_HEADERS } from '../../schemas/change-event.ts';
import type { Header } from '../kafka/port.ts';
import type { Change, Fields } from './batch.ts';
import { scalarType } from './scalar-type.ts';
import type { TableOptions } from './table-options.ts';
import { type Column, type TargetTable, plainName } from './target-table.ts';

/** Tells in a table that keeps deleted rows which they are; never null. */
export const DELETED_COLUMN = '__deleted';
/** What orders the versions of a row: the LSN, and the place in its transaction. */
export const POSITION_COLUMNS = ['__lsn', '__seq'] as const;

const DELETED: Column = {
  name: DELETED_COLUMN,
  field: DELETED_COLUMN,
  type: scalarType('boolean', DELETED_COLUMN),
  key: false,
  meta: { value: (change) => change.isDeleted === true, constraint: ' NOT NULL DEFAULT false' },
};

const POSITION: readonly Column[] = [
  metaColumn('__lsn', {
    sql: 'pg_lsn',
    parameter: 'text',
    text: (value) => lsnText(value as bigint),
    quoted: false,
  }),
  metaColumn('__seq', scalarType('long', '__seq')),
  metaColumn('__commit_ts', scalarType({ type: 'long', logicalType: 'timestamp-micros' }, '__commit_ts')),
];

function metaColumn(name: string, type: Column['type']): Column {
  return { name, field: name, type, key: false, meta: { value: ({ meta }) => meta?.[name], constraint: '' } };
}

function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/**
 * The table with the columns that the options ask for.
 * @throws Failure `sink.name_taken` (stop) where the topic has a field of such a name
 */
export function withMetaColumns(table: TargetTable, options: TableOptions): TargetTable {
  const more = [
    ...(options.metaColumns ? POSITION : []),
    ...(options.deleteMode === 'soft' ? [DELETED] : []),
  ];
  if (more.length === 0) return table;
  const taken = table.columns.find((column) => more.some(({ name }) => name === column.name));
  if (taken === undefined) return { ...table, columns: [...table.columns, ...more] };
  throw new Failure(
    'sink.name_taken',
    'stop',
    `the topic of ${plainName(table.name)} has a field ${taken.name}, which the sink was told to fill by itself`,
    { fix: 'start without --meta-columns or --delete-mode soft, or write the topic without that field' },
  );
}

/** The row envelope's own fields, where the record has them. */
export function metaOfRow(row: Fields): Change['meta'] {
  return row['__lsn'] === undefined ? undefined : row;
}

/** What the headers of a tombstone say. */
export function metaOfTombstone(headers: readonly Header[]): Change['meta'] {
  const lsn = numberIn(headers, TOMBSTONE_HEADERS.lsn);
  if (lsn === undefined) return undefined;
  return {
    __lsn: lsn,
    __seq: numberIn(headers, TOMBSTONE_HEADERS.seq),
    __commit_ts: numberIn(headers, TOMBSTONE_HEADERS.commitTs),
  };
}

function numberIn(headers: readonly Header[], key: string): bigint | undefined {
  const text = headers.find((header) => header.key === key)?.value?.toString() ?? '';
  return /^\d{1,19}$|^-\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}
