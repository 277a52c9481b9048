import { must } from '../../infra/process/assert.ts';
import type { Header, ProducerRecord } from './port.ts';
import { RecordBytes } from './record-bytes.ts';

const FIRST_CAPACITY = 256;
/** What a record takes in `#places`: topic, partition, and of key and value each the buffer, start and length. */
const STRIDE = 8;
/** A longer list of buffers is not searched: one may stand in it more than once. */
const SEARCH_MAX = 32;

/** Records in the order in which they were added, as numbers in two arrays: no object is kept for a record. */
export class RecordList {
  #places: Int32Array;
  #timestamps: Float64Array;
  /** Of the few records that have some. */
  readonly #headers = new Map<number, readonly Header[]>();
  readonly #topics: string[] = [];
  readonly #buffers: Buffer[] = [];
  #length = 0;

  /** @param expected records that it will likely have: saves the copies of growing */
  constructor(expected = 0) {
    const capacity = Math.max(FIRST_CAPACITY, expected);
    this.#places = new Int32Array(capacity * STRIDE);
    this.#timestamps = new Float64Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What the records' places are in, each once. */
  buffers(): ReadonlySet<Buffer> {
    return new Set(this.#buffers);
  }

  /** Keeps the places that the record names, so its buffers too; the record itself may be used again. */
  add(record: ProducerRecord): void {
    this.#addBytes(record instanceof RecordBytes ? record : new RecordBytes().set(record));
  }

  #addBytes(record: RecordBytes): void {
    const index = this.#length++;
    if (index === this.#timestamps.length) this.#grow();
    const places = this.#places;
    let at = index * STRIDE;
    places[at++] = placeOf(this.#topics, record.topic);
    places[at++] = record.partition;
    places[at++] = placeOf(this.#buffers, record.keySource);
    places[at++] = record.keyStart;
    places[at++] = record.keyLength;
    places[at++] = placeOf(this.#buffers, record.valueSource);
    places[at++] = record.valueStart;
    places[at] = record.valueLength;
    this.#timestamps[index] = record.timestamp;
    if (record.headers.length > 0) this.#headers.set(index, record.headers);
  }

  /** Fills `into` with the record at `index`. */
  read(index: number, into: RecordBytes): RecordBytes {
    const places = this.#places;
    let at = index * STRIDE;
    into.topic = must(this.#topics[places[at++] as number], 'a topic of the list');
    into.partition = places[at++] as number;
    into.keySource = this.#buffers[places[at++] as number] as Buffer;
    into.keyStart = places[at++] as number;
    into.keyLength = places[at++] as number;
    into.valueSource = this.#buffers[places[at++] as number] as Buffer;
    into.valueStart = places[at++] as number;
    into.valueLength = places[at] as number;
    into.timestamp = this.#timestamps[index] as number;
    const headers = this.#headers.get(index);
    if (headers === undefined) into.clearHeaders();
    else into.headers = headers;
    return into;
  }

  /** Takes the records from `index` on out, into a list of their own. */
  splitOff(index: number): RecordList {
    const rest = new RecordList(index);
    const record = new RecordBytes();
    for (let i = index; i < this.#length; i++) {
      rest.#addBytes(this.read(i, record));
      this.#headers.delete(i);
    }
    this.#length = index;
    return rest;
  }

  #grow(): void {
    const places = new Int32Array(this.#places.length * 2);
    places.set(this.#places);
    this.#places = places;
    const timestamps = new Float64Array(this.#timestamps.length * 2);
    timestamps.set(this.#timestamps);
    this.#timestamps = timestamps;
  }
}

/** The record at `index`, in `into`. */
export function readRecord(
  records: readonly ProducerRecord[] | RecordList,
  index: number,
  into: RecordBytes,
): RecordBytes {
  return records instanceof RecordList
    ? records.read(index, into)
    : into.set(must(records[index], 'a record of the list'));
}

/** Where `item` is in the list: nearly always it is one of the last two. */
function placeOf<T>(items: T[], item: T): number {
  const last = items.length - 1;
  if (items[last] === item) return last;
  if (last > 0 && items[last - 1] === item) return last - 1;
  const place = items.length < SEARCH_MAX ? items.indexOf(item) : -1;
  return place >= 0 ? place : items.push(item) - 1;
}
