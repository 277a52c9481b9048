import { Failure } from '../../infra/process/failure.ts';
import type { ConsumerRecord, Header, TopicPartition } from './port.ts';
import { readVarint } from './varint.ts';
import type { Cursor } from './varint.ts';

const NO_HEADERS: readonly Header[] = [];

/**
 * A record where it lies in the fetched bytes. Key, value and headers are cut out when they are asked for, each time:
 * who needs one twice keeps it. They are getters of the class, so a spread copy of a record has none of them.
 */
export class RecordView implements ConsumerRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly #bytes: Buffer;
  readonly #keyAt: number;
  /** -1 for null. */
  readonly #keyLength: number;
  readonly #valueAt: number;
  /** -1 for null. */
  readonly #valueLength: number;
  readonly #end: number;

  /**
   * Reads the record at the cursor, and moves the cursor past it.
   * @throws RangeError for lengths that do not fit into each other: the cursor would go anywhere, backwards too
   */
  constructor(cursor: Cursor, base: RecordBase) {
    const length = readVarint(cursor);
    const end = length + cursor.at;
    if (length < 0 || end > cursor.buffer.length) throw outOfBounds('a record', length, cursor);
    cursor.at++;
    const timestampDelta = readVarint(cursor);
    this.topic = base.source.topic;
    this.partition = base.source.partition;
    this.offset = base.offset + readVarint(cursor);
    this.timestamp = base.appendTime ?? base.timestamp + timestampDelta;
    this.#bytes = cursor.buffer;
    this.#keyLength = readVarint(cursor);
    this.#keyAt = cursor.at;
    if (this.#keyLength > 0) cursor.at += this.#keyLength;
    this.#valueLength = readVarint(cursor);
    this.#valueAt = cursor.at;
    if (cursor.at + this.#valueLength > end || cursor.at > end)
      throw outOfBounds('a value', this.#valueLength, cursor);
    this.#end = cursor.at = end;
  }

  get key(): Buffer | null {
    return this.#cut(this.#keyAt, this.#keyLength);
  }

  get value(): Buffer | null {
    return this.#cut(this.#valueAt, this.#valueLength);
  }

  /** @throws Failure `kafka.corrupt_headers` (stop) */
  get headers(): readonly Header[] {
    const cursor = { buffer: this.#bytes, at: this.#valueAt + Math.max(this.#valueLength, 0) };
    try {
      return readHeaders(cursor, this.#end);
    } catch (error) {
      const where = `the record at ${this.topic}-${this.partition} offset ${this.offset}`;
      throw new Failure('kafka.corrupt_headers', 'stop', `the headers of ${where} cannot be read`, {
        cause: error,
        fix: 'find the producer that wrote it: no other client can read them either',
      });
    }
  }

  #cut(at: number, length: number): Buffer | null {
    return length < 0 ? null : this.#bytes.subarray(at, at + length);
  }
}

/** What the records of a batch count from. */
export interface RecordBase {
  readonly source: TopicPartition;
  readonly offset: number;
  readonly timestamp: number;
  /** The time of every record, where the topic has `message.timestamp.type=LogAppendTime`; else null. */
  readonly appendTime: number | null;
}

function readHeaders(cursor: Cursor, end: number): readonly Header[] {
  const count = readVarint(cursor);
  if (count === 0) return NO_HEADERS;
  // Each has two lengths.
  if (count < 0 || count * 2 > end - cursor.at) throw outOfBounds('headers', count, cursor);
  const headers: Header[] = [];
  for (let left = count; left > 0; left--) {
    const key = readBytes(cursor, end)?.toString('utf8') ?? '';
    headers.push({ key, value: readBytes(cursor, end) });
  }
  return headers;
}

function readBytes(cursor: Cursor, end: number): Buffer | null {
  const length = readVarint(cursor);
  if (length < 0) return null;
  const start = cursor.at;
  if (start + length > end) throw outOfBounds('a header', length, cursor);
  cursor.at = start + length;
  return cursor.buffer.subarray(start, cursor.at);
}

function outOfBounds(what: string, length: number, { at, buffer }: Cursor): RangeError {
  return new RangeError(`${what} of length ${length} at byte ${at} of ${buffer.length}`);
}
