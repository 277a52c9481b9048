import { type AvroField, type AvroSchema, isUnion } from '../../../schemas/avro-schema.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import type { Header } from '../../kafka/port.ts';
import { type AvroNames, AvroPlace, type AvroSkip, avroSkip } from '../types/avro-skip.ts';
import { type ToastColumn, toastIdentity } from './toast-shape.ts';

type Step = (places: ToastPlaces, place: AvroPlace) => void;

/** A field as a value schema of the source has it. */
type SourceField = AvroField & { readonly 'pg.attribute'?: number; readonly 'pg.policy'?: string };

const UNCHANGED = '__unchanged';
const SPECIAL_HEADER = 'pg.special';

/**
 * Where the values of toast columns are in a record of one value schema: that of the source's own records, or of those
 * that an earlier version of it has written. Columns stand at the top of the value, or in its field `after`.
 */
export class ToastPlaces {
  /** Per toast column: the place of its value, branch included; -1 of one that the schema does not have. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** Per toast column: its value was not sent, and is not there. */
  readonly unchanged: Uint8Array;
  /** LSN of the commit record, or of the snapshot; 0 where the value does not tell it. */
  lsn = 0n;
  readonly #place = new AvroPlace();
  readonly #steps: readonly Step[];
  /** Per toast column: the field's name in this schema. */
  readonly #names: (string | null)[];

  /** @throws RangeError for a schema that the source has not written */
  constructor(valueSchema: AvroSchema, columns: readonly ToastColumn[]) {
    this.starts = new Int32Array(columns.length);
    this.ends = new Int32Array(columns.length);
    this.unchanged = new Uint8Array(columns.length);
    this.#names = columns.map(() => null);
    this.#steps = this.#rowSteps(valueSchema, columns, new Map());
  }

  /** Reads a framed value with its headers. @throws RangeError, SyntaxError for what the source has not written */
  read(value: Buffer, headers: readonly Header[]): void {
    this.starts.fill(-1);
    this.unchanged.fill(0);
    this.lsn = 0n;
    this.#place.buffer = value;
    this.#place.at = FRAME_BYTES;
    for (const step of this.#steps) step(this, this.#place);
    const named = jsonHeader(headers, UNCHANGED);
    if (Array.isArray(named)) for (const name of named) this.#leaveOut(String(name));
  }

  /** The text of a special value, null of any other. */
  special(column: number, headers: readonly Header[]): string | null {
    const texts = jsonHeader(headers, SPECIAL_HEADER);
    const name = this.#names[column] ?? null;
    if (texts === null || name === null || !Object.hasOwn(texts, name)) return null;
    return String((texts as Readonly<Record<string, unknown>>)[name]);
  }

  #leaveOut(name: string): void {
    const column = this.#names.indexOf(name);
    if (column >= 0) this.unchanged[column] = 1;
  }

  #rowSteps(schema: AvroSchema, columns: readonly ToastColumn[], names: AvroNames): Step[] {
    if (typeof schema !== 'object' || isUnion(schema) || !('fields' in schema))
      throw new RangeError('a value schema is a record');
    const isEnvelope = schema.fields.some(({ name }) => name === 'after');
    const { fields } = schema;
    return fields.map((field): Step => {
      const { name, type } = field;
      if (name === '__lsn') return (places, place) => void (places.lsn = place.bigLong());
      if (name === UNCHANGED) return (places, place) => place.skipBlocks((at) => places.#leaveOut(at.text()));
      if (isEnvelope && name === 'after') return this.#after(type, fields, columns, names);
      if (isEnvelope && name === 'source') return sourceStep(type, names);
      const skip = avroSkip(type, names);
      return isEnvelope ? (_, place) => skip(place) : this.#column(field, skip, columns);
    });
  }

  /** The row in an envelope: null of a deletion. Its record may be defined in `before`. */
  #after(
    type: AvroSchema,
    fields: readonly AvroField[],
    columns: readonly ToastColumn[],
    names: AvroNames,
  ): Step {
    const record = [type, ...fields.map((field) => field.type)].flatMap(recordsOf)[0];
    if (record === undefined) throw new RangeError('an envelope without a record of columns');
    const steps = this.#rowSteps(record, columns, names);
    return (places, place) => {
      if (place.long() !== 0) for (const step of steps) step(places, place);
    };
  }

  #column(field: SourceField, skip: AvroSkip, columns: readonly ToastColumn[]): Step {
    const { name, type, 'pg.attribute': attribute, 'pg.policy': policy } = field;
    const identity = attribute === undefined ? null : toastIdentity(attribute, type, policy ?? '');
    const column = columns.findIndex((known) => known.identity === identity);
    if (column < 0) return (_, place) => skip(place);
    this.#names[column] = name;
    return (places, place) => {
      places.starts[column] = place.at;
      skip(place);
      places.ends[column] = place.at;
    };
  }
}

function recordsOf(type: AvroSchema): AvroSchema[] {
  const branches = isUnion(type) ? type : [type];
  return branches.filter((branch) => typeof branch === 'object' && 'fields' in branch);
}

/** `source` of an envelope, of which the LSN counts. */
function sourceStep(type: AvroSchema, names: AvroNames): Step {
  if (typeof type !== 'object' || !('fields' in type)) throw new RangeError('source is a record');
  const steps = type.fields.map((field): Step => {
    if (field.name !== 'lsn') {
      const skip = avroSkip(field.type, names);
      return (_, place) => skip(place);
    }
    return (places, place) => {
      if (!isUnion(field.type) || place.long() !== 0) places.lsn = place.bigLong();
    };
  });
  return (places, place) => {
    for (const step of steps) step(places, place);
  };
}

function jsonHeader(headers: readonly Header[], name: string): object | null {
  const value = headers.find(({ key }) => key === name)?.value ?? null;
  if (value === null) return null;
  const json: unknown = JSON.parse(value.toString('utf8'));
  return typeof json === 'object' ? json : null;
}
