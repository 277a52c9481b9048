import type { Header, ProducerRecord } from './port.ts';

const NO_BYTES = Buffer.alloc(0);
const NO_HEADERS: readonly Header[] = [];

/**
 * A record whose key and value are places in larger buffers, so that a row costs no object of its own: one of these is
 * filled again and again. Who keeps a record copies what it says, as `RecordList` does.
 */
export class RecordBytes implements ProducerRecord {
  topic = '';
  partition = 0;
  /** Milliseconds since the Unix epoch. */
  timestamp = 0;
  keySource: Buffer = NO_BYTES;
  keyStart = 0;
  /** Bytes; -1 for no key. */
  keyLength = -1;
  valueSource: Buffer = NO_BYTES;
  valueStart = 0;
  /** Bytes; -1 for no value. */
  valueLength = -1;
  headers: readonly Header[] = NO_HEADERS;

  /** A view, made anew by every call. */
  get key(): Buffer | null {
    const { keySource, keyStart, keyLength } = this;
    return keyLength < 0 ? null : keySource.subarray(keyStart, keyStart + keyLength);
  }

  /** A view, made anew by every call. */
  get value(): Buffer | null {
    const { valueSource, valueStart, valueLength } = this;
    return valueLength < 0 ? null : valueSource.subarray(valueStart, valueStart + valueLength);
  }

  /** Becomes the same as `record`. */
  set(record: ProducerRecord): this {
    const { key, value } = record;
    this.topic = record.topic;
    this.partition = record.partition;
    this.timestamp = record.timestamp;
    this.setKey(key ?? NO_BYTES, 0, key === null ? -1 : key.length);
    this.setValue(value ?? NO_BYTES, 0, value === null ? -1 : value.length);
    this.headers = record.headers ?? NO_HEADERS;
    return this;
  }

  setKey(source: Buffer, start: number, length: number): void {
    this.keySource = source;
    this.keyStart = start;
    this.keyLength = length;
  }

  setValue(source: Buffer, start: number, length: number): void {
    this.valueSource = source;
    this.valueStart = start;
    this.valueLength = length;
  }

  clearHeaders(): void {
    this.headers = NO_HEADERS;
  }
}
