import { Failure } from '../../infra/process/failure.ts';
import type { AvroField, AvroRecord, AvroSchema } from '../../schemas/avro-schema.ts';

/**
 * The key of a window's result: the fields of the events' key, or `key` where that is no record, and the bounds of the
 * window in milliseconds since the Unix epoch.
 */
export type Windowed<K> = (K extends Uint8Array | string | number | bigint | boolean
  ? { readonly key: K }
  : K extends object
    ? K
    : { readonly key: K }) & {
  readonly window_start: bigint;
  readonly window_end: bigint;
};

/** Milliseconds: the first moment of a window, and its end, which tumbling and hopping windows do not include. */
export interface WindowBounds {
  readonly start: number;
  readonly end: number;
}

const MILLIS = { type: 'long', logicalType: 'timestamp-millis' } as const;
const BOUNDS: readonly AvroField[] = [
  { name: 'window_start', type: MILLIS },
  { name: 'window_end', type: MILLIS },
];

/**
 * The Avro schema of {@link Windowed}: flat, so that a table of results has plain columns.
 * @throws Failure `topology.bad_window` (stop) where the key has a field of a bound's name
 */
export function windowedKeySchema(key: AvroSchema, step: string): AvroSchema {
  if (!isRecord(key))
    return { type: 'record', name: 'WindowedKey', fields: [{ name: 'key', type: key }, ...BOUNDS] };
  const taken = key.fields.find(({ name }) => BOUNDS.some((bound) => bound.name === name));
  if (taken !== undefined)
    throw new Failure(
      'topology.bad_window',
      'stop',
      `the key of step "${step}" has a field ${taken.name} of its own`,
      {
        fix: 'give the events another key before that step, with .repartition(name, keySchema, selector)',
      },
    );
  return { ...key, name: `${key.name}Windowed`, fields: [...key.fields, ...BOUNDS] };
}

/** The key of a window's result, for events with keys of the Avro type `schema`. */
export function windowedKey(schema: AvroSchema, key: unknown, { start, end }: WindowBounds): object {
  const bounds = { window_start: BigInt(start), window_end: BigInt(end) };
  return isRecord(schema) ? { ...(key as object), ...bounds } : { key, ...bounds };
}

/** What {@link windowedKey} was made of. */
export function unwindowedKey(
  schema: AvroSchema,
  windowed: unknown,
): { readonly key: unknown } & WindowBounds {
  const own = windowed as Windowed<string>;
  return {
    key: isRecord(schema) ? own : own.key,
    start: Number(own.window_start),
    end: Number(own.window_end),
  };
}

function isRecord(schema: AvroSchema): schema is AvroRecord {
  return typeof schema === 'object' && 'fields' in schema;
}
