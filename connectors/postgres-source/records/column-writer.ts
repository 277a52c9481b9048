import { copyBytes } from '../types/avro-varint.ts';
import { isRowsOwn } from './bad-rows.ts';
import type { ColumnCodec } from '../types/column-codec.ts';
import { keySpecial, rowShape } from './row-failure.ts';
import type { TableColumn, TableSchema } from '../shapes/table-schema.ts';
import { CELL, type Tuple, type WrittenValue } from '../changes/tuple.ts';

/** A row as it was, in the bytes that have it. */
export interface RowImage {
  readonly source: Buffer;
  readonly row: Tuple | null;
}

/** What is done with a column; the value of a sole key column is the key's, byte for byte. */
const WAY = { nullable: 0, soleKey: 1, key: 2, excluded: 3 } as const;

/** Writes the columns of one relation shape as Avro, and notes what a reader has to be told beside the value. */
export class ColumnWriter {
  /** Places of columns whose out-of-line value was not sent. */
  readonly unchanged: number[] = [];
  /** By field: text that has no place in its Avro type. */
  special: Record<string, string> | null = null;
  readonly #schema: TableSchema;
  readonly #writers: readonly ColumnCodec['write'][];
  readonly #ways: Uint8Array;
  /** By column: the key has it as a union with null. */
  readonly #isNullable: readonly boolean[];
  /** By column: what stands for a value that was not sent. */
  readonly #unavailable: readonly (Buffer | null)[] | null;
  /** Stands before the names in {@link special}. */
  #side: '' | 'before.' = '';

  constructor(schema: TableSchema, unavailable: readonly (Buffer | null)[] | null) {
    this.#schema = schema;
    this.#unavailable = unavailable;
    this.#writers = schema.columns.map(({ codec }) => codec.write);
    this.#isNullable = schema.columns.map(({ inKey }) => !inKey);
    const sole = schema.key.length === 1 ? schema.key[0] : undefined;
    this.#ways = Uint8Array.from(schema.columns, ({ treatment, inKey }, i) => {
      if (treatment === 'exclude') return WAY.excluded;
      if (!inKey) return WAY.nullable;
      return i === sole ? WAY.soleKey : WAY.key;
    });
  }

  /** Nothing has been noted yet. */
  begin(): void {
    if (this.unchanged.length > 0) this.unchanged.length = 0;
    this.special = null;
  }

  /** A row that exists, behind its key, whose body is [keyStart, keyEnd) of `out`. @throws Failure `source.key_special` */
  row(
    out: Buffer,
    start: number,
    source: Buffer,
    row: Tuple,
    old: Tuple | null,
    keyStart: number,
    keyEnd: number,
  ): number {
    const ways = this.#ways;
    const writers = this.#writers;
    const { kinds, starts, ends } = row;
    let at = start;
    for (let i = 0; i < ways.length; i++) {
      const way = ways[i] as number;
      if (way === WAY.nullable && kinds[i] === CELL.text) {
        out[at] = 2;
        const write = writers[i] as ColumnCodec['write'];
        const end = write(out, at + 1, source, starts[i] as number, ends[i] as number);
        at = end >= 0 ? end : this.#specialColumn(out, at, source, row, i);
      } else if (way === WAY.nullable) at = this.#nullable(out, at, source, row, old, i);
      else if (way === WAY.soleKey) at = copyBytes(out, at, out, keyStart, keyEnd);
      else if (way === WAY.key) at = this.key(out, at, source, row, old, i);
    }
    return at;
  }

  /** The value of a key column. @throws Failure `source.key_special` */
  key(out: Buffer, start: number, source: Buffer, row: Tuple, old: Tuple | null, i: number): number {
    const from = row.kinds[i] === CELL.unchanged && old !== null ? old : row;
    let at = start;
    if (this.#isNullable[i] === true) {
      const isNull = from.kinds[i] === CELL.null;
      out[at++] = isNull ? 0 : 2;
      if (isNull) return at;
    }
    if (from.kinds[i] === CELL.text) {
      const write = this.#writers[i] as ColumnCodec['write'];
      const end = write(out, at, source, from.starts[i] as number, from.ends[i] as number);
      if (end >= 0) return end;
    }
    throw keySpecial(this.#schema, this.#column(i).field, from.kinds[i]);
  }

  /**
   * A row before, or that there is none, as a union with null. One that cannot be encoded is left out: what is told is
   * what became of it.
   */
  image(out: Buffer, start: number, image: RowImage | null): number {
    const row = image?.row ?? null;
    out[start] = 0;
    if (image === null || row === null) return start + 1;
    if (row.count !== this.#schema.columns.length) throw rowShape(this.#schema, row.count);
    this.#side = 'before.';
    try {
      let at = start + 1;
      for (const [i, { treatment, inKey }] of this.#schema.columns.entries()) {
        if (treatment === 'exclude') continue;
        at = inKey
          ? this.key(out, at, image.source, row, null, i)
          : this.#nullable(out, at, image.source, row, null, i);
      }
      out[start] = 2;
      return at;
    } catch (error) {
      if (!isRowsOwn(error)) throw error;
      return start + 1;
    } finally {
      this.#side = '';
    }
  }

  #nullable(out: Buffer, at: number, source: Buffer, row: Tuple, old: Tuple | null, i: number): number {
    const kind = row.kinds[i];
    if (kind === CELL.filled) return this.#filled(out, at, row.filled[i] as WrittenValue, i);
    if (kind === CELL.unchanged && (old === null || old.kinds[i] === CELL.unchanged))
      return this.#unsent(out, at, i);
    const from = kind === CELL.unchanged && old !== null ? old : row;
    if (from.kinds[i] === CELL.text) {
      out[at] = 2;
      const write = this.#writers[i] as ColumnCodec['write'];
      const end = write(out, at + 1, source, from.starts[i] as number, from.ends[i] as number);
      return end >= 0 ? end : this.#specialColumn(out, at, source, from, i);
    }
    out[at] = 0;
    return at + 1;
  }

  #specialColumn(out: Buffer, at: number, source: Buffer, row: Tuple, i: number): number {
    this.#noteSpecial(i, source.toString('utf8', row.starts[i], row.ends[i]));
    out[at] = 0;
    return at + 1;
  }

  #unsent(out: Buffer, at: number, i: number): number {
    this.unchanged.push(i);
    const unavailable = this.#unavailable?.[i] ?? null;
    if (unavailable !== null) return copyBytes(out, at, unavailable, 0, unavailable.length);
    out[at] = 0;
    return at + 1;
  }

  #filled(out: Buffer, at: number, { avro, special }: WrittenValue, i: number): number {
    if (special !== null) this.#noteSpecial(i, special);
    return copyBytes(out, at, avro, 0, avro.length);
  }

  #noteSpecial(i: number, text: string): void {
    this.special ??= {};
    this.special[this.#side + this.#column(i).field] = text;
  }

  #column(i: number): TableColumn {
    return this.#schema.columns[i] as TableColumn;
  }
}
