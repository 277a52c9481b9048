import type { AvroSchema } from './avro-schema.ts';

/** An Avro schema together with the TypeScript type of its values. The type exists for the compiler only. */
export interface Schema<T> {
  readonly avro: AvroSchema;
  readonly type?: T;
}
