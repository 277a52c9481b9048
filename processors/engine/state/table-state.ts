import { Failure } from '../../../infra/process/failure.ts';
import type { KeyValueStore } from './store.ts';
import { TIME_BYTES, readTime, writeTime } from './time-bytes.ts';

/** Bytes in front of a stored value: its event time and its commit time. */
const HEAD_BYTES = 2 * TIME_BYTES;

/** A value with the times it came with. */
export interface TableRow {
  readonly value: unknown;
  readonly time: number;
  readonly commitTime: number;
}

/** Encodes values of one schema as Avro bodies, and back. */
export interface BodySerde {
  encodeBody(value: unknown): Buffer;
  decodeBody(body: Buffer): unknown;
}

/** What a table looks like to those who join it. */
export interface TableView {
  /** The newest row of a key, null when there is none. */
  get(keyBody: Buffer, key: unknown): TableRow | null;
  /** Versioned tables: the row that was valid at an event time, milliseconds; null when there was none. */
  getAsOf?(keyBody: Buffer, key: unknown, time: number): TableRow | null;
}

/** Typed rows over a store of bytes. */
export class TableState implements TableView {
  readonly #store: KeyValueStore;
  readonly #serde: BodySerde;

  constructor(store: KeyValueStore, serde: BodySerde) {
    this.#store = store;
    this.#serde = serde;
  }

  get(keyBody: Buffer): TableRow | null {
    const bytes = this.#store.get(keyBody);
    return bytes === null ? null : decodeRow(bytes, this.#serde);
  }

  put(keyBody: Buffer, value: unknown, time: number, commitTime: number): void {
    this.#store.put(keyBody, encodeRow(this.#serde.encodeBody(value), time, commitTime));
  }

  delete(keyBody: Buffer): void {
    this.#store.delete(keyBody);
  }
}

/** Event time, commit time, then the Avro body. */
export function encodeRow(body: Buffer, time: number, commitTime: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  writeTime(bytes, time, 0);
  writeTime(bytes, commitTime, TIME_BYTES);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

/** Event time of an encoded row. @throws Failure `engine.bad_row` (stop) */
export function rowTime(bytes: Buffer): number {
  if (bytes.length < HEAD_BYTES) throw badRow(bytes);
  return readTime(bytes, 0);
}

/** @throws Failure `engine.bad_row`, `serde.corrupt_body` (stop): somebody else has written into the changelog */
export function decodeRow(bytes: Buffer, serde: BodySerde): TableRow {
  if (bytes.length < HEAD_BYTES) throw badRow(bytes);
  return {
    value: serde.decodeBody(bytes.subarray(HEAD_BYTES)),
    time: rowTime(bytes),
    commitTime: readTime(bytes, TIME_BYTES),
  };
}

function badRow(bytes: Buffer): Failure {
  return new Failure(
    'engine.bad_row',
    'stop',
    `a stored row has ${bytes.length} bytes, its times alone ${HEAD_BYTES}`,
    {
      fix: 'see who writes into the changelog; then build the state anew: node processors/reset.ts',
    },
  );
}
