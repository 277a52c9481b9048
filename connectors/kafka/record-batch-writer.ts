import { giveMemory, takeMemory } from './batch-memory.ts';
import { COMPRESSIONS, compress } from './compression.ts';
import type { Compression } from './compression.ts';
import { crc32c } from './crc32c.ts';
import type { Header } from './port.ts';
import type { RecordBytes } from './record-bytes.ts';
import { AT, ATTRIBUTE, LOG_OVERHEAD, MAGIC, writeInt64 } from './record-batch-layout.ts';
import { varintSize, writeVarint } from './varint.ts';

/** Below this a loop copies faster than a call into the runtime. */
const SMALL_BYTES = 24;
const NO_BYTES = Buffer.alloc(0);

export interface ProducerSession {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly transactional: boolean;
}

/** Size of a record's fields, without the length that stands before them. */
function bodySize(record: RecordBytes, timestampDelta: number, offsetDelta: number): number {
  const { keyLength, valueLength, headers } = record;
  let size = 1 + varintSize(timestampDelta) + varintSize(offsetDelta) + varintSize(headers.length);
  size += keyLength < 0 ? 1 : varintSize(keyLength) + keyLength;
  size += valueLength < 0 ? 1 : varintSize(valueLength) + valueLength;
  for (const header of headers) {
    const keyLength = Buffer.byteLength(header.key);
    size += varintSize(keyLength) + keyLength;
    size += header.value === null ? 1 : varintSize(header.value.length) + header.value.length;
  }
  return size;
}

/** Bytes of an uncompressed batch that holds this record alone. */
export function soloBatchBytes(record: RecordBytes): number {
  const body = bodySize(record, 0, 0);
  return AT.records + varintSize(body) + body;
}

/** One record batch in the making: records are encoded as they come, into one buffer that grows up to `bytesMax`. */
export class RecordBatchWriter {
  readonly #bytesMax: number;
  #bytes: Buffer;
  #at: number = AT.records;
  #count = 0;
  #baseTimestamp = 0;
  #maxTimestamp = 0;

  /** @param expectedBytes what the batch will likely grow to: saves the copies of growing */
  constructor(bytesMax: number, expectedBytes = 0) {
    this.#bytesMax = bytesMax;
    this.#bytes = takeMemory(Math.min(expectedBytes, bytesMax));
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes before compression. */
  get size(): number {
    return this.#at;
  }

  /** False when the record does not fit any more. The first record always fits. */
  append(record: RecordBytes): boolean {
    const { timestamp, headers } = record;
    if (this.#count === 0) this.#baseTimestamp = this.#maxTimestamp = timestamp;
    const timestampDelta = timestamp - this.#baseTimestamp;
    const body = bodySize(record, timestampDelta, this.#count);
    const end = this.#at + varintSize(body) + body;
    if (end > this.#bytesMax && this.#count > 0) return false;
    if (end > this.#bytes.length) this.#grow(end);
    const target = this.#bytes;
    let at = writeVarint(target, this.#at, body);
    target[at++] = 0;
    at = writeVarint(target, at, timestampDelta);
    at = writeVarint(target, at, this.#count);
    at = writeBytes(target, at, record.keySource, record.keyStart, record.keyLength);
    at = writeBytes(target, at, record.valueSource, record.valueStart, record.valueLength);
    at = writeVarint(target, at, headers.length);
    for (const header of headers) {
      at = writeVarint(target, at, Buffer.byteLength(header.key));
      at += target.write(header.key, at);
      at = writeHeaderValue(target, at, header);
    }
    this.#at = at;
    this.#count++;
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp;
    return true;
  }

  /** The batch as it is stored, but for what `stampBatch` adds. Good until `release`. */
  seal(compression: Compression, transactional: boolean): Buffer {
    const plain = this.#bytes.subarray(0, this.#at);
    const batch = compression === 'none' ? plain : this.#compressed(compression, plain);
    writeInt64(batch, AT.baseOffset, 0);
    batch.writeInt32BE(batch.length - LOG_OVERHEAD, AT.length);
    batch.writeInt32BE(-1, AT.leaderEpoch);
    batch[AT.magic] = MAGIC;
    const codec = COMPRESSIONS.indexOf(compression);
    batch.writeInt16BE(codec | (transactional ? ATTRIBUTE.transactional : 0), AT.attributes);
    batch.writeInt32BE(this.#count - 1, AT.lastOffsetDelta);
    writeInt64(batch, AT.baseTimestamp, this.#baseTimestamp);
    writeInt64(batch, AT.maxTimestamp, this.#maxTimestamp);
    batch.writeInt32BE(this.#count, AT.count);
    return batch;
  }

  /** Gives the batch's memory to the next batch: nobody looks at this one any more. */
  release(): void {
    const memory = this.#bytes;
    this.#bytes = NO_BYTES;
    if (memory !== NO_BYTES) giveMemory(memory);
  }

  #compressed(compression: Compression, plain: Buffer): Buffer {
    const packed = compress(compression, plain.subarray(AT.records));
    const batch = Buffer.concat([plain.subarray(0, AT.records), packed]);
    this.release();
    return batch;
  }

  #grow(end: number): void {
    const grown = takeMemory(Math.max(end, Math.min(this.#bytes.length * 2, this.#bytesMax)));
    this.#bytes.copy(grown, 0, 0, this.#at);
    giveMemory(this.#bytes);
    this.#bytes = grown;
  }
}

/** Says whose batch it is and where it stands among its producer's, and signs it all with the checksum. */
export function stampBatch(
  batch: Buffer,
  { producerId, producerEpoch }: Omit<ProducerSession, 'transactional'>,
  baseSequence: number,
): void {
  writeInt64(batch, AT.producerId, producerId);
  batch.writeInt16BE(producerEpoch, AT.producerEpoch);
  batch.writeInt32BE(baseSequence, AT.baseSequence);
  batch.writeUInt32BE(crc32c(batch, AT.attributes), AT.crc);
}

function writeHeaderValue(target: Buffer, start: number, { value }: Header): number {
  return value === null ? writeVarint(target, start, -1) : writeBytes(target, start, value, 0, value.length);
}

/** A length of -1 stands for null, as it does in Kafka. */
function writeBytes(target: Buffer, start: number, source: Buffer, from: number, length: number): number {
  const at = writeVarint(target, start, length);
  if (length > SMALL_BYTES) source.copy(target, at, from, from + length);
  else for (let index = 0; index < length; index++) target[at + index] = source[from + index]!;
  return at + Math.max(0, length);
}
