import { type AvroScan, NULL_PLACE, type Places } from './avro-scan.ts';
import type { Change, Fields } from './batch.ts';
import type { SpecialText } from './special-text.ts';

const META_FIELDS = ['__lsn', '__seq', '__commit_ts'] as const;

interface RawParts {
  readonly keyBody: string;
  readonly keyBytes: Buffer;
  readonly keyScan: AvroScan;
  /** In `places`. */
  readonly keyFirst: number;
  /** Null of a tombstone. */
  readonly valueBytes: Buffer | null;
  readonly valueScan: AvroScan | null;
  readonly valueFirst: number;
  readonly places: Places;
  readonly unchanged: readonly string[];
  readonly meta: Change['meta'];
  /** By field: values that its Avro type does not have. */
  readonly specials: ReadonlyMap<string, SpecialText> | null;
}

/** A change that is still bytes: fields are read where they lie, and key and row decoded only when somebody asks for them. */
export class RawChange implements Change {
  readonly keyBody: string;
  readonly keyBytes: Buffer;
  readonly keyScan: AvroScan;
  readonly keyFirst: number;
  readonly valueBytes: Buffer | null;
  readonly valueScan: AvroScan | null;
  readonly valueFirst: number;
  readonly places: Places;
  readonly unchanged: readonly string[];
  meta: Change['meta'];
  readonly specials: ReadonlyMap<string, SpecialText> | null;
  readonly isTombstone: boolean;
  readonly order: number | undefined;
  #row: Fields | null = null;

  constructor(parts: RawParts) {
    this.keyBody = parts.keyBody;
    this.keyBytes = parts.keyBytes;
    this.keyScan = parts.keyScan;
    this.keyFirst = parts.keyFirst;
    this.valueBytes = parts.valueBytes;
    this.valueScan = parts.valueScan;
    this.valueFirst = parts.valueFirst;
    this.places = parts.places;
    this.unchanged = parts.unchanged;
    this.meta = parts.meta;
    this.specials = parts.specials;
    this.isTombstone = parts.valueBytes === null;
    this.order = parts.keyScan.numberAt(parts.keyBytes, parts.places, parts.keyFirst);
  }

  get key(): Fields {
    return fieldsOf(this.keyScan, (field) => this.keyValue(field));
  }

  get row(): Fields | null {
    if (this.valueScan === null) return null;
    return (this.#row ??= fieldsOf(this.valueScan, (field) => this.rowValue(field)));
  }

  /** With what the row says of its place in the source, where the table keeps it. */
  withMeta(keepsMeta: boolean): this {
    if (!keepsMeta || this.valueScan === null || this.valueScan.indexOf(META_FIELDS[0]) < 0) return this;
    this.meta = Object.fromEntries(META_FIELDS.map((field) => [field, this.rowValue(field)]));
    return this;
  }

  /** One field of the key, decoded; undefined where it has none of the name. */
  keyValue(field: string): unknown {
    return this.#value(this.keyBytes, this.keyScan, this.keyFirst, field);
  }

  /** One field of the row, decoded, and of a special value its text. */
  rowValue(field: string): unknown {
    if (this.valueBytes === null || this.valueScan === null) return undefined;
    const value = this.#value(this.valueBytes, this.valueScan, this.valueFirst, field);
    return value === null ? (this.specials?.get(field) ?? null) : value;
  }

  #value(bytes: Buffer, scan: AvroScan, first: number, field: string): unknown {
    const index = scan.indexOf(field);
    if (index < 0) return undefined;
    const at = this.places.values[first + index] as number;
    return at === NULL_PLACE ? null : scan.decode(index, bytes, at);
  }
}

function fieldsOf(scan: AvroScan, read: (field: string) => unknown): Fields {
  return Object.fromEntries(scan.fields.map(({ name }) => [name, read(name)]));
}
