import { Failure } from '../../../infra/process/failure.ts';
import type { Header } from '../../kafka/port.ts';
import { EVENT_HEADERS, type OutboxEvent } from './outbox-event.ts';
import type { OutboxOptions } from './outbox-options.ts';
import type { Relation } from '../changes/relation.ts';
import { CELL, type Tuple } from '../changes/tuple.ts';

/** The Avro type of a payload: the body's bytes are the same, its readers' are not. */
export type PayloadType = 'string' | 'bytes';

/** Places of an outbox table's columns in its present shape. */
export interface OutboxShape {
  readonly aggregateType: number;
  readonly aggregateId: number;
  readonly payload: number;
  readonly payloadType: PayloadType;
  readonly headers: readonly { readonly at: number; readonly name: string }[];
}

const BYTEA_OID = 17;

/**
 * A `bytea` payload goes on as bytes. All else is the text that Postgres prints: JSON too, since a schema that is
 * inferred from one document does not fit the next, and numbers stay as exact as they were written.
 * @throws Failure `source.outbox_columns`
 */
export function outboxShape(
  relation: Relation,
  baseOids: readonly (number | undefined)[],
  options: Pick<OutboxOptions, 'columns' | 'headers'>,
): OutboxShape {
  const missing: string[] = [];
  const place = (name: string): number => {
    const at = relation.columns.findIndex((column) => column.name === name);
    if (at < 0) missing.push(name);
    return at;
  };
  const { columns } = options;
  const payload = place(columns.payload);
  const shape = {
    aggregateType: place(columns.aggregateType),
    aggregateId: place(columns.aggregateId),
    payload,
    payloadType: baseOids[payload] === BYTEA_OID ? ('bytes' as const) : ('string' as const),
    headers: [
      { at: place(columns.id), name: EVENT_HEADERS.id },
      { at: place(columns.type), name: EVENT_HEADERS.type },
      ...options.headers.map(({ column, header }) => ({ at: place(column), name: header })),
    ],
  };
  if (missing.length === 0) return shape;
  throw new Failure(
    'source.outbox_columns',
    'stop',
    `outbox table ${relation.schema}.${relation.table} publishes no column ${missing.join(', ')}`,
    { fix: 'add the column, or say with --outbox-columns and --outbox-headers how the columns are named' },
  );
}

/** An inserted row as an event. What it holds is copied out of `source`. */
export function outboxRow(shape: OutboxShape, source: Buffer, row: Tuple): OutboxEvent {
  const payload = cell(source, row, shape.payload);
  return {
    aggregateType: cell(source, row, shape.aggregateType)?.toString('utf8') ?? null,
    aggregateId: cell(source, row, shape.aggregateId),
    payload: payload !== null && shape.payloadType === 'bytes' ? bytea(payload) : payload,
    headers: shape.headers.map(({ at, name }): Header => ({ key: name, value: cell(source, row, at) })),
    defect: null,
  };
}

function cell(source: Buffer, row: Tuple, at: number): Buffer | null {
  return row.kinds[at] === CELL.text ? Buffer.from(source.subarray(row.starts[at], row.ends[at])) : null;
}

/** `bytea_output=hex`: `\x` and two digits per byte. */
function bytea(text: Buffer): Buffer {
  return Buffer.from(text.toString('latin1', 2), 'hex');
}
