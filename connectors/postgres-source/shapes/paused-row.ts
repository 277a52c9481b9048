import type { ProducerRecord } from '../../kafka/port.ts';
import { PGOUTPUT, type PgoutputReader } from '../changes/pgoutput.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

/**
 * The tombstone of a row that a change has ended, null where it has ended none. It is told though the row's table is
 * paused, or the row would be in the topic for ever: when the table is read again, it is not there. `paused` has the
 * keys of the table.
 */
export function pausedEnd(
  paused: RowEncoder,
  segment: Buffer,
  { type, oldRow, oldTuple, newTuple }: PgoutputReader,
  head: TransactionHead,
  seq: number,
): ProducerRecord | null {
  if (type === PGOUTPUT.insert || oldRow === 'none' || paused.target.keySchemaId === null) return null;
  const old = oldRow === 'full' ? oldTuple : null;
  const key =
    type === PGOUTPUT.delete
      ? paused.goodKey(segment, oldTuple, null)
      : paused.replacedKey(segment, oldTuple, newTuple, old);
  return key === null ? null : paused.tombstone(key, head, seq);
}
