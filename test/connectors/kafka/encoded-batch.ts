import type { Compression } from '../../../connectors/kafka/compression.ts';
import type { ProducerRecord } from '../../../connectors/kafka/port.ts';
import { RecordBytes } from '../../../connectors/kafka/record-bytes.ts';
import { RecordBatchWriter, stampBatch } from '../../../connectors/kafka/record-batch-writer.ts';
import type { ProducerSession } from '../../../connectors/kafka/record-batch-writer.ts';

/** Records as one batch, however large. */
export function encodeBatch(
  records: readonly ProducerRecord[],
  session: ProducerSession,
  baseSequence = 0,
  compression: Compression = 'none',
): Buffer {
  const writer = new RecordBatchWriter(Number.MAX_SAFE_INTEGER);
  for (const record of records) writer.append(new RecordBytes().set(record));
  const batch = writer.seal(compression, session.transactional);
  stampBatch(batch, session, baseSequence);
  return batch;
}
