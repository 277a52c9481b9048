import { Failure } from '../../infra/process/failure.ts';
import { COMPRESSIONS, decompress } from './compression.ts';
import { crc32c } from './crc32c.ts';
import type { ConsumerRecord, TopicPartition } from './port.ts';
import { AT, ATTRIBUTE, LOG_OVERHEAD, MAGIC, readInt64 } from './record-batch-layout.ts';
import { type RecordBase, RecordView } from './record-view.ts';
import type { Cursor } from './varint.ts';

const ABORT_MARKER = 0;
/** No answer of a broker is larger. */
const BATCH_BYTES_MAX = 128 * 1024 * 1024;

/** A batch as the broker stores it. Compaction may leave fewer records than offsets, even none. */
export interface RecordBatch {
  readonly baseOffset: number;
  /** One past the batch's last offset, whether or not a record is left there. */
  readonly nextOffset: number;
  readonly producerId: number;
  readonly transactional: boolean;
  /** Holds a transaction marker, no data. */
  readonly control: boolean;
  readonly count: number;
  readonly bytes: Buffer;
}

/**
 * The whole batches of a fetched record set, in offset order. A broker cuts the set at its size limit, so that the
 * last batch may be partial: it is passed over.
 * @throws Failure `kafka.corrupt_batch` (stop): a checksum is wrong, or the format is older than Kafka 0.11
 */
export function* readBatches(set: Buffer, source: TopicPartition): Generator<RecordBatch, void, void> {
  for (let at = 0; set.length - at > AT.records - 1;) {
    const baseOffset = readInt64(set, at + AT.baseOffset);
    const length = LOG_OVERHEAD + set.readInt32BE(at + AT.length);
    checkLength(length, source, baseOffset);
    const end = at + length;
    if (end > set.length) return;
    const bytes = set.subarray(at, end);
    at = end;
    checkBatch(bytes, source, baseOffset);
    const attributes = bytes.readInt16BE(AT.attributes);
    yield {
      baseOffset,
      nextOffset: baseOffset + bytes.readInt32BE(AT.lastOffsetDelta) + 1,
      producerId: readInt64(bytes, AT.producerId),
      transactional: (attributes & ATTRIBUTE.transactional) !== 0,
      control: (attributes & ATTRIBUTE.control) !== 0,
      count: bytes.readInt32BE(AT.count),
      bytes,
    };
  }
}

const whereOf = ({ topic, partition }: TopicPartition, baseOffset: number): string =>
  `the batch at ${topic}-${partition} offset ${baseOffset}`;

function corrupt(source: TopicPartition, baseOffset: number, defect: string, cause?: unknown): Failure {
  return new Failure('kafka.corrupt_batch', 'stop', `${whereOf(source, baseOffset)} ${defect}`, {
    cause,
    fix: 'check the disks of the broker that leads the partition, and the network path to it',
  });
}

/** A length that no answer can hold would be taken for a batch that is cut off, and asked for without end. */
function checkLength(length: number, source: TopicPartition, baseOffset: number): void {
  if (length >= AT.records && length <= BATCH_BYTES_MAX) return;
  throw corrupt(
    source,
    baseOffset,
    `says that it has ${length} bytes, not ${AT.records} to ${BATCH_BYTES_MAX}`,
  );
}

function checkBatch(bytes: Buffer, source: TopicPartition, baseOffset: number): void {
  if (bytes[AT.magic] !== MAGIC) {
    const where = whereOf(source, baseOffset);
    throw new Failure('kafka.corrupt_batch', 'stop', `${where} has format ${bytes[AT.magic]}, not ${MAGIC}`);
  }
  const computed = crc32c(bytes, AT.attributes);
  const stored = bytes.readUInt32BE(AT.crc);
  if (computed !== stored)
    throw corrupt(source, baseOffset, `has checksum ${computed}, its header says ${stored}`);
  const [offsets, count] = [bytes.readInt32BE(AT.lastOffsetDelta), bytes.readInt32BE(AT.count)];
  if (offsets < 0 || count < 0)
    throw corrupt(source, baseOffset, `claims ${count} records up to ${offsets} offsets behind its first`);
}

/** True for the marker that ends a transaction as aborted; false for a commit marker and for markers of other kinds. */
export function isAbortMarker(batch: RecordBatch, source: TopicPartition): boolean {
  if (!batch.control || batch.count === 0) return false;
  const base = { source, offset: batch.baseOffset, timestamp: 0, appendTime: null };
  const { key } = recordAt({ buffer: batch.bytes, at: AT.records }, base);
  return key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT_MARKER;
}

function recordAt(cursor: Cursor, base: RecordBase): RecordView {
  try {
    return new RecordView(cursor, base);
  } catch (error) {
    throw corrupt(base.source, base.offset, `has no record at byte ${cursor.at} of its records`, error);
  }
}

/**
 * Appends the batch's records at or past `fromOffset`: views of the fetched bytes, or of what was decompressed.
 * @throws Failure `kafka.corrupt_batch`, `kafka.unsupported_codec` (stop)
 */
export function appendRecords(
  batch: RecordBatch,
  source: TopicPartition,
  fromOffset: number,
  into: ConsumerRecord[],
): void {
  const attributes = batch.bytes.readInt16BE(AT.attributes);
  const cursor = recordsOf(batch, attributes & ATTRIBUTE.compressionMask, source);
  const logAppendTime = (attributes & ATTRIBUTE.logAppendTime) !== 0;
  const base = {
    source,
    offset: batch.baseOffset,
    timestamp: readInt64(batch.bytes, AT.baseTimestamp),
    appendTime: logAppendTime ? readInt64(batch.bytes, AT.maxTimestamp) : null,
  };
  for (let left = batch.count; left > 0; left--) {
    const record = recordAt(cursor, base);
    if (record.offset >= fromOffset) into.push(record);
  }
}

function recordsOf(batch: RecordBatch, codec: number, source: TopicPartition): Cursor {
  if (codec === 0) return { buffer: batch.bytes, at: AT.records };
  const where = whereOf(source, batch.baseOffset);
  const compression = COMPRESSIONS[codec];
  if (compression !== undefined)
    return { buffer: decompress(compression, batch.bytes.subarray(AT.records), where), at: 0 };
  throw new Failure(
    'kafka.unsupported_codec',
    'stop',
    `${where} is compressed with codec ${codec}; known are ${COMPRESSIONS.join(', ')}`,
    { fix: 'set compression.type of the topic and of its producers to one of these' },
  );
}
