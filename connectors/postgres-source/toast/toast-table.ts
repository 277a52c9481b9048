import type { Header, ProducerRecord } from '../../kafka/port.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import { ToastPlaces } from './toast-places.ts';
import type { ToastShape, ToastColumn } from './toast-shape.ts';
import { POINTER_BYTES, outOfLineBytesMin, storedBytesMax } from './toast-size.ts';
import type { ToastEffect } from './toast-store.ts';
import { CELL, type Tuple, type WrittenValue } from '../changes/tuple.ts';

/** What becomes of a column's kept value. */
const FATE = { keep: 0, drop: 1, put: 2 } as const;

/** One shape of a table whose large values are kept: which values of a row those are, and where its record has them. */
export class ToastTable {
  /** `ToastTopic.id` */
  readonly topic: number;
  readonly shape: ToastShape;
  /** Per toast column, its number in the store. */
  readonly fields: readonly number[];
  readonly #places: ToastPlaces;
  readonly #bytes: Float64Array;
  readonly #fates: Uint8Array;
  readonly #smallBytesMax: number;

  constructor(topic: number, encoder: RowEncoder, shape: ToastShape, fields: readonly number[]) {
    this.topic = topic;
    this.shape = shape;
    this.fields = fields;
    this.#places = new ToastPlaces(encoder.schema.valueSchema, shape.columns);
    this.#bytes = new Float64Array(shape.sized.length);
    this.#fates = new Uint8Array(shape.columns.length);
    const growth = shape.sized.reduce((most, column) => Math.max(most, column.growth), 1);
    const overhead = shape.sized.reduce(
      (sum, column) => sum + storedBytesMax(0, column.growth) + POINTER_BYTES,
      0,
    );
    this.#smallBytesMax = (shape.targetBytes - shape.fixedBytes - overhead) / growth;
  }

  /** True of a row that fits as it is, whatever of it is in which column: most do. What was filled in may be large. */
  isSmall(row: Tuple): boolean {
    return row.filledBytes === 0 && row.bytes <= this.#smallBytesMax;
  }

  /**
   * Decides which values of a row are to be kept: those that may be out of line now. True when there is one.
   * @param moved the row is at another key than before: what it was filled with is kept there too
   */
  weigh(row: Tuple, moved: boolean): boolean {
    const { shape } = this;
    const bytesMin = this.#outOfLineBytesMin(row);
    let any = false;
    for (let j = 0; j < shape.sized.length; j++) {
      const { place, stored } = shape.sized[j] as ToastShape['sized'][number];
      if (stored < 0) continue;
      const fate = fateOf(row.kinds[place] as number, (this.#bytes[j] as number) >= bytesMin, moved);
      this.#fates[stored] = fate;
      if (fate === FATE.put) any = true;
    }
    return any;
  }

  /** What the record leaves behind of a row that was weighed. */
  effect(record: ProducerRecord, key: Buffer): ToastEffect {
    const { value, headers = [] } = record;
    const drops: number[] = [];
    const puts: { field: number; value: WrittenValue }[] = [];
    if (value !== null) this.#places.read(value, headers);
    for (let i = 0; i < this.fields.length; i++) {
      const field = this.fields[i] as number;
      if (this.#fates[i] === FATE.put && value !== null)
        puts.push({ field, value: writtenValue(this.#places, i, value, headers) });
      else if (this.#fates[i] === FATE.drop) drops.push(field);
    }
    return { topic: this.topic, key, gone: false, drops, puts };
  }

  #outOfLineBytesMin(row: Tuple): number {
    const { sized, inline, fixedBytes, targetBytes } = this.shape;
    const bytes = this.#bytes;
    let sum = fixedBytes;
    for (let j = 0; j < sized.length; j++) {
      const { place, growth } = sized[j] as ToastShape['sized'][number];
      const kind = row.kinds[place];
      const own =
        kind === CELL.text
          ? storedBytesMax((row.ends[place] as number) - (row.starts[place] as number), growth)
          : kind === CELL.null
            ? 0
            : POINTER_BYTES;
      bytes[j] = own;
      sum += own;
    }
    if (sum <= targetBytes) return Number.POSITIVE_INFINITY;
    return outOfLineBytesMin(bytes, inline, sized.length, fixedBytes, targetBytes);
  }
}

/** The value of a toast column in a record: a copy, for the record's memory is used again. */
export function writtenValue(
  places: ToastPlaces,
  column: number,
  value: Buffer,
  headers: readonly Header[],
): WrittenValue {
  return {
    avro: Buffer.from(value.subarray(places.starts[column], places.ends[column])),
    special: headers.length === 0 ? null : places.special(column, headers),
  };
}

function fateOf(kind: number, isLarge: boolean, moved: boolean): number {
  if (kind === CELL.text) return isLarge ? FATE.put : FATE.drop;
  if (kind === CELL.filled) return moved ? FATE.put : FATE.keep;
  return kind === CELL.null ? FATE.drop : FATE.keep;
}

/**
 * What a record that is read back has left of its row. Nothing is known there of the texts that columns had which are
 * left out or masked, so those count as large as can be.
 */
export function replayedEffect(
  { topic, fields, shape }: Pick<ToastTable, 'topic' | 'fields' | 'shape'>,
  places: ToastPlaces,
  record: {
    readonly key: Buffer;
    readonly value: Buffer;
    readonly headers: readonly Header[];
  },
): ToastEffect {
  const { key, value, headers } = record;
  places.read(value, headers);
  const bytes = Float64Array.from(shape.sized, ({ stored, growth }) =>
    replayedBytes(places, shape.columns[stored], stored, growth),
  );
  const { inline, fixedBytes, targetBytes, sized } = shape;
  const bytesMin = outOfLineBytesMin(bytes, inline, sized.length, fixedBytes, targetBytes);
  const drops: number[] = [];
  const puts: { field: number; value: WrittenValue }[] = [];
  sized.forEach(({ stored }, j) => {
    const field = fields[stored];
    if (field === undefined || places.unchanged[stored] === 1) return;
    const written =
      (places.starts[stored] as number) < 0 ? null : writtenValue(places, stored, value, headers);
    const isNull = written === null || (written.avro[0] === 0 && written.special === null);
    if (written === null || isNull || (bytes[j] as number) < bytesMin) drops.push(field);
    else puts.push({ field, value: written });
  });
  return { topic, key, gone: false, drops, puts };
}

function replayedBytes(
  places: ToastPlaces,
  column: ToastColumn | undefined,
  stored: number,
  growth: number,
): number {
  if (column === undefined || column.masked || (places.starts[stored] as number) < 0)
    return Number.POSITIVE_INFINITY;
  if (places.unchanged[stored] === 1) return POINTER_BYTES;
  return storedBytesMax((places.ends[stored] as number) - (places.starts[stored] as number), growth);
}
