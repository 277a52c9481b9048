import { gunzipSync } from 'node:zlib';
import { Failure } from '../../infra/process/failure.ts';
import { crc32c } from './crc32c.ts';
import type { ConsumerRecord, Header, ProducerRecord, TopicPartition } from './port.ts';
import { readVarint, varintSize, writeVarint } from './varint.ts';
import type { Cursor } from './varint.ts';

/** Positions in a record batch, magic 2: https://kafka.apache.org/documentation/#recordbatch */
const AT = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
  records: 61,
} as const;

/** Bytes before `length` starts to count. */
const LOG_OVERHEAD = 12;
const MAGIC = 2;
const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const GZIP = 1;
const ABORT_MARKER = 0;
const TWO_32 = 2 ** 32;

/** What one compressed batch may grow to; a broker takes a batch of 1 MiB by default. */
const INFLATED_BYTES_MAX = 256 * 1024 * 1024;

const NO_HEADERS: readonly Header[] = [];

export interface ProducerSession {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly transactional: boolean;
}

/** Size of a record's fields, without the length that stands before them. */
function bodySize(record: ProducerRecord, timestampDelta: number, offsetDelta: number): number {
  const { key, value, headers = NO_HEADERS } = record;
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + varintSize(headers.length);
  size += key === null ? 1 : varintSize(key.length) + key.length;
  size += value === null ? 1 : varintSize(value.length) + value.length;
  for (const header of headers) {
    const keyLength = Buffer.byteLength(header.key);
    size += varintSize(keyLength) + keyLength;
    size += header.value === null ? 1 : varintSize(header.value.length) + header.value.length;
  }
  return size;
}

/** Bytes of a batch that holds this record alone. */
export function soloBatchBytes(record: ProducerRecord): number {
  const body = bodySize(record, 0, 0);
  return AT.records + varintSize(body) + body;
}

/** Records `[from, from + count)` as one batch. */
export interface EncodedBatch {
  readonly bytes: Buffer;
  readonly count: number;
}

/** One batch of as many records as fit into `bytesMax`, at least one. Uncompressed. */
export function encodeBatch(
  records: readonly ProducerRecord[],
  from: number,
  bytesMax: number,
  session: ProducerSession,
  baseSequence: number,
): EncodedBatch {
  const baseTimestamp = records[from]!.timestamp;
  let maxTimestamp = baseTimestamp;
  let size: number = AT.records;
  let end = from;
  for (; end < records.length; end++) {
    const record = records[end]!;
    const body = bodySize(record, record.timestamp - baseTimestamp, end - from);
    const next = size + varintSize(body) + body;
    if (next > bytesMax && end > from) break;
    size = next;
    if (record.timestamp > maxTimestamp) maxTimestamp = record.timestamp;
  }
  const bytes = Buffer.allocUnsafe(size);
  let at: number = AT.records;
  for (let index = from; index < end; index++)
    at = writeRecord(bytes, at, records[index]!, records[index]!.timestamp - baseTimestamp, index - from);
  writeHeader(bytes, end - from, baseTimestamp, maxTimestamp, session, baseSequence);
  return { bytes, count: end - from };
}

function writeRecord(
  target: Buffer,
  start: number,
  record: ProducerRecord,
  timestampDelta: number,
  offset: number,
) {
  const headers = record.headers ?? NO_HEADERS;
  let at = writeVarint(target, start, bodySize(record, timestampDelta, offset));
  target[at++] = 0;
  at = writeVarint(target, at, timestampDelta);
  at = writeVarint(target, at, offset);
  at = writeBytes(target, at, record.key);
  at = writeBytes(target, at, record.value);
  at = writeVarint(target, at, headers.length);
  for (const header of headers) {
    at = writeVarint(target, at, Buffer.byteLength(header.key));
    at += target.write(header.key, at);
    at = writeBytes(target, at, header.value);
  }
  return at;
}

function writeBytes(target: Buffer, start: number, value: Buffer | null): number {
  if (value === null) return writeVarint(target, start, -1);
  const at = writeVarint(target, start, value.length);
  value.copy(target, at);
  return at + value.length;
}

function writeHeader(
  batch: Buffer,
  count: number,
  baseTimestamp: number,
  maxTimestamp: number,
  session: ProducerSession,
  baseSequence: number,
): void {
  writeInt64(batch, AT.baseOffset, 0);
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, AT.length);
  batch.writeInt32BE(-1, AT.leaderEpoch);
  batch[AT.magic] = MAGIC;
  batch.writeInt16BE(session.transactional ? TRANSACTIONAL : 0, AT.attributes);
  batch.writeInt32BE(count - 1, AT.lastOffsetDelta);
  writeInt64(batch, AT.baseTimestamp, baseTimestamp);
  writeInt64(batch, AT.maxTimestamp, maxTimestamp);
  writeInt64(batch, AT.producerId, session.producerId);
  batch.writeInt16BE(session.producerEpoch, AT.producerEpoch);
  batch.writeInt32BE(baseSequence, AT.baseSequence);
  batch.writeInt32BE(count, AT.count);
  batch.writeUInt32BE(crc32c(batch, AT.attributes), AT.crc);
}

function writeInt64(target: Buffer, at: number, value: number): void {
  target.writeInt32BE(Math.floor(value / TWO_32), at);
  target.writeUInt32BE(value >>> 0, at + 4);
}

const readInt64 = (source: Buffer, at: number): number =>
  source.readInt32BE(at) * TWO_32 + source.readUInt32BE(at + 4);

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
    const end = at + LOG_OVERHEAD + set.readInt32BE(at + AT.length);
    if (end > set.length) return;
    const bytes = set.subarray(at, end);
    at = end;
    const baseOffset = readInt64(bytes, AT.baseOffset);
    checkBatch(bytes, source, baseOffset);
    const attributes = bytes.readInt16BE(AT.attributes);
    yield {
      baseOffset,
      nextOffset: baseOffset + bytes.readInt32BE(AT.lastOffsetDelta) + 1,
      producerId: readInt64(bytes, AT.producerId),
      transactional: (attributes & TRANSACTIONAL) !== 0,
      control: (attributes & CONTROL) !== 0,
      count: bytes.readInt32BE(AT.count),
      bytes,
    };
  }
}

function checkBatch(bytes: Buffer, source: TopicPartition, baseOffset: number): void {
  const where = `the batch at ${source.topic}-${source.partition} offset ${baseOffset}`;
  if (bytes[AT.magic] !== MAGIC)
    throw new Failure('kafka.corrupt_batch', 'stop', `${where} has format ${bytes[AT.magic]}, not ${MAGIC}`);
  const computed = crc32c(bytes, AT.attributes);
  const stored = bytes.readUInt32BE(AT.crc);
  if (computed !== stored)
    throw new Failure(
      'kafka.corrupt_batch',
      'stop',
      `${where} has checksum ${computed}, its header says ${stored}`,
      {
        fix: 'check the disks of the broker that leads the partition, and the network path to it',
      },
    );
}

/** True for the marker that ends a transaction as aborted; false for a commit marker and for markers of other kinds. */
export function isAbortMarker(batch: RecordBatch): boolean {
  if (!batch.control || batch.count === 0) return false;
  const cursor: Cursor = { buffer: batch.bytes, at: AT.records };
  const key = readRecordAt(cursor, batch.baseOffset, 0, { topic: '', partition: 0 }).key;
  return key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT_MARKER;
}

/** Appends the batch's records at or past `fromOffset`. Keys and values are views of the fetched bytes. */
export function appendRecords(
  batch: RecordBatch,
  source: TopicPartition,
  fromOffset: number,
  into: ConsumerRecord[],
): void {
  const attributes = batch.bytes.readInt16BE(AT.attributes);
  const cursor = recordsOf(batch, attributes & COMPRESSION_MASK, source);
  const baseTimestamp = readInt64(batch.bytes, AT.baseTimestamp);
  const appendTime = (attributes & LOG_APPEND_TIME) === 0 ? null : readInt64(batch.bytes, AT.maxTimestamp);
  for (let left = batch.count; left > 0; left--) {
    const record = readRecordAt(cursor, batch.baseOffset, baseTimestamp, source, appendTime);
    if (record.offset >= fromOffset) into.push(record);
  }
}

function recordsOf(batch: RecordBatch, codec: number, source: TopicPartition): Cursor {
  if (codec === 0) return { buffer: batch.bytes, at: AT.records };
  if (codec === GZIP) {
    const packed = batch.bytes.subarray(AT.records);
    return { buffer: gunzipSync(packed, { maxOutputLength: INFLATED_BYTES_MAX }), at: 0 };
  }
  const name = CODECS[codec] ?? `number ${codec}`;
  throw new Failure(
    'kafka.unsupported_codec',
    'stop',
    `the batch at ${source.topic}-${source.partition} offset ${batch.baseOffset} is compressed with ${name}; only none and gzip can be read`,
    { fix: 'set compression.type of the topic and of its producers to gzip or none' },
  );
}

function readRecordAt(
  cursor: Cursor,
  baseOffset: number,
  baseTimestamp: number,
  source: TopicPartition,
  appendTime: number | null = null,
): ConsumerRecord {
  const length = readVarint(cursor);
  const end = cursor.at + length;
  cursor.at++;
  const timestampDelta = readVarint(cursor);
  const offset = baseOffset + readVarint(cursor);
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  const headers = readHeaders(cursor);
  cursor.at = end;
  const timestamp = appendTime ?? baseTimestamp + timestampDelta;
  return { topic: source.topic, partition: source.partition, offset, timestamp, key, value, headers };
}

function readHeaders(cursor: Cursor): readonly Header[] {
  const count = readVarint(cursor);
  if (count === 0) return NO_HEADERS;
  const headers: Header[] = [];
  for (let left = count; left > 0; left--) {
    const length = readVarint(cursor);
    const key = cursor.buffer.toString('utf8', cursor.at, cursor.at + length);
    cursor.at += length;
    headers.push({ key, value: readBytes(cursor) });
  }
  return headers;
}

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  const start = cursor.at;
  cursor.at = start + length;
  return cursor.buffer.subarray(start, cursor.at);
}
