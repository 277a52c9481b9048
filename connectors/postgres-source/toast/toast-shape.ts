import { policyText } from '../shapes/column-policy.ts';
import type { Relation } from '../changes/relation.ts';
import type { RelationDetails, TableColumn } from '../shapes/table-schema.ts';
import type { ColumnStorage, TableStorage } from './toast-catalog.ts';
import { POINTER_BYTES, declaredBytesMax } from './toast-size.ts';

/** A column whose values Postgres may leave out. */
export interface ToastColumn {
  /** Place in the relation. */
  readonly place: number;
  /** `pg_attribute.attnum`; the value schema has it too. */
  readonly attribute: number;
  /** Equal where bytes that were written for the one column are right for the other, whatever the columns' names. */
  readonly identity: string;
  /** What is published is not the value: its size says nothing. */
  readonly masked: boolean;
}

/** A column whose values have no fixed size. */
export interface SizedColumn {
  readonly place: number;
  readonly growth: number;
  /** Place in {@link ToastShape.columns}, -1 of a column that is not among them. */
  readonly stored: number;
}

/** What it takes to tell which values of a row may be out of line. */
export interface ToastShape {
  readonly columns: readonly ToastColumn[];
  readonly sized: readonly SizedColumn[];
  /** Per sized column: its values are moved last or never. */
  readonly inline: readonly boolean[];
  /** What a row takes beside the sized columns, at most. */
  readonly fixedBytes: number;
  /** Rows that are not larger have nothing out of line. */
  readonly targetBytes: number;
}

/** What has no fixed size and is never moved. */
const SHORT_BYTES_MAX = 64;
const TUPLE_HEADER_BYTES = 32;
const ALIGNMENT_BYTES = 8;
/**
 * TOAST_TUPLE_THRESHOLD is a quarter of a block less the headers, 2032 of 8192 bytes. A quarter below that, for texts
 * that are longer in the server's encoding than in UTF-8.
 */
const TARGET_MARGIN = 0.75;
const ROWS_IN_BLOCK = 4;

/** Places of columns whose values may be moved out of line. */
export function outOfLineColumns(relation: Relation, details: RelationDetails): number[] {
  const { storage } = details;
  if (storage === undefined) return [];
  return relation.columns.flatMap((_, i) => (isMovable(storage, details, i) ? [i] : []));
}

function isMovable(storage: TableStorage, details: RelationDetails, i: number): boolean {
  const base = details.columns[i]?.base;
  const bytesMax = base === undefined ? Number.POSITIVE_INFINITY : declaredBytesMax(base.oid, base.typmod);
  return storage.columns[i]?.toastable === true && bytesMax > POINTER_BYTES;
}

/** What a value schema says of columns that may have values out of line, so that any later policy can read them back. */
export function toastColumns(
  relation: Relation,
  details: RelationDetails,
  columns: readonly TableColumn[],
): ToastColumn[] {
  return outOfLineColumns(relation, details).flatMap((place): ToastColumn[] => {
    const attribute = details.storage?.columns[place]?.attribute ?? null;
    const column = columns[place];
    if (column === undefined || column.inKey || column.treatment === 'exclude' || attribute === null)
      return [];
    const masked = column.treatment !== null;
    return [{ place, attribute, identity: identityOf(attribute, column), masked }];
  });
}

/** Null for a table of which nothing is to be kept: no values that are left out, or no key to keep them by. */
export function toastShape(
  relation: Relation,
  details: RelationDetails,
  toast: readonly ToastColumn[],
  key: readonly number[],
): ToastShape | null {
  const { storage } = details;
  // With FULL the old row has what the new one lacks.
  if (storage === undefined || key.length === 0 || relation.identity === 'f' || toast.length === 0)
    return null;
  const movable = outOfLineColumns(relation, details);
  const others = storage.columns.filter((_, i) => !movable.includes(i));
  return {
    columns: toast,
    sized: movable.map((place) => ({
      place,
      growth: storage.columns[place]?.growth ?? 1,
      stored: toast.findIndex((column) => column.place === place),
    })),
    inline: movable.map((place) => storage.columns[place]?.inline === true),
    fixedBytes: others.reduce(
      (sum, column) => sum + fixedBytes(column),
      headerBytes(relation.columns.length),
    ),
    targetBytes: targetBytes(storage),
  };
}

/** The text under which values of a column are kept: the attribute, and how its values are written. */
export function toastIdentity(attribute: number, type: unknown, policy: string): string {
  return JSON.stringify([attribute, type, policy]);
}

function identityOf(attribute: number, { codec, treatment }: TableColumn): string {
  const policy = treatment === null || treatment === 'exclude' ? '' : policyText(treatment.policy);
  return toastIdentity(attribute, ['null', codec.avro], policy);
}

function headerBytes(columns: number): number {
  return TUPLE_HEADER_BYTES + Math.ceil(columns / 8);
}

function fixedBytes({ bytes }: ColumnStorage): number {
  return (bytes > 0 ? bytes : SHORT_BYTES_MAX) + ALIGNMENT_BYTES;
}

function targetBytes({ tupleTargetBytes, blockBytes }: TableStorage): number {
  const usual = blockBytes / ROWS_IN_BLOCK;
  return Math.floor(Math.min(usual, tupleTargetBytes ?? usual) * TARGET_MARGIN);
}
