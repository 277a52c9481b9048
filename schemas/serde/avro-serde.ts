import type { Type } from 'avsc';
import { Failure } from '../../infra/process/failure.ts';
import type { AvroSchema } from '../avro-schema.ts';
import { compileType } from './avro-type.ts';
import type { SchemaRegistry } from './schema-registry.ts';
import { FRAME_BYTES, schemaIdOf, writeFrame } from './wire-format.ts';

/** First guess for an encoded value, bytes; a longer one is encoded a second time into a buffer that fits. */
const SLAB_BYTES = 1024;

/** In this order, so that the order in which a registry gives them back does not matter. */
const BYTES_ATTRIBUTES = [
  'type',
  'name',
  'namespace',
  'fields',
  'items',
  'values',
  'symbols',
  'size',
  'logicalType',
  'scale',
];

/**
 * Encodes with one schema and decodes what any compatible writer wrote. Both are synchronous: a writer's schema is
 * fetched once by {@link load} and its resolver kept, so the hot path never awaits.
 */
export class AvroSerde<T> {
  readonly schema: AvroSchema;
  readonly #type: Type;
  readonly #schemaId: number;
  readonly #registry: SchemaRegistry;
  /** By writer's schema; null for one that is the reader's own, which is read without a detour. */
  readonly #resolvers = new Map<number, unknown>();
  #slab = Buffer.allocUnsafe(SLAB_BYTES);

  private constructor(schema: AvroSchema, schemaId: number, registry: SchemaRegistry) {
    this.schema = schema;
    this.#type = compileType(schema);
    this.#schemaId = schemaId;
    this.#registry = registry;
  }

  /** Registers `schema` under `subject` and encodes with the id that it gets. */
  static async writer<T>(
    registry: SchemaRegistry,
    subject: string,
    schema: AvroSchema,
  ): Promise<AvroSerde<T>> {
    return new AvroSerde<T>(schema, await registry.register(subject, schema), registry);
  }

  /** Only decodes, into the shape of `schema`; nothing is registered. */
  static reader<T>(registry: SchemaRegistry, schema: AvroSchema): AvroSerde<T> {
    return new AvroSerde<T>(schema, -1, registry);
  }

  /** The Avro body alone, in a new buffer: what stores and partitioners go by. */
  encodeBody(value: T): Buffer {
    const end = this.#encodeAt(value, 0);
    return Buffer.from(this.#slab.subarray(0, end));
  }

  /** Framed with the schema id, in a new buffer. */
  encode(value: T): Buffer {
    if (this.#schemaId < 0)
      throw new TypeError('this serde only reads: make it with AvroSerde.writer to encode');
    const end = this.#encodeAt(value, FRAME_BYTES);
    writeFrame(this.#slab, this.#schemaId);
    return Buffer.from(this.#slab.subarray(0, end));
  }

  /**
   * Decodes a body that was written with this serde's own schema (a store's value).
   * @throws Failure `serde.corrupt_body` (stop)
   */
  decodeBody(body: Buffer): T {
    try {
      return this.#type.fromBuffer(body) as T;
    } catch (error) {
      const message = `${body.length} bytes are no body of a ${nameOf(this.schema)}`;
      throw new Failure('serde.corrupt_body', 'stop', message, { cause: error });
    }
  }

  /** The id of a writer's schema that must be {@link load}ed before this message can be decoded, or null. */
  missing(framed: Buffer): number | null {
    const id = schemaIdOf(framed);
    return this.#resolvers.has(id) ? null : id;
  }

  /** Fetches a writer's schema and builds its resolver. @throws Failure `serde.unresolvable`, `registry.*` */
  async load(schemaId: number): Promise<void> {
    const writerSchema = await this.#registry.schemaById(schemaId);
    const type = compileType(writerSchema);
    try {
      const isOwn = bytesText(writerSchema) === bytesText(this.schema);
      this.#resolvers.set(schemaId, isOwn ? null : this.#type.createResolver(type));
    } catch (error) {
      throw new Failure(
        'serde.unresolvable',
        'stop',
        `schema ${schemaId} cannot be read as ${nameOf(this.schema)}`,
        {
          cause: error,
          fix: 'compare the schemas of the topic in the registry with the reader schema in schemas/',
        },
      );
    }
  }

  /**
   * Decodes a framed message.
   * @throws Failure `serde.corrupt`, a dead letter; `serde.not_loaded` when {@link load} was forgotten
   */
  decode(framed: Buffer): T {
    const id = schemaIdOf(framed);
    const resolver = this.#resolvers.get(id);
    if (resolver === undefined)
      throw new Failure('serde.not_loaded', 'stop', `schema ${id} was not loaded before decode`);
    try {
      const { value, offset } = this.#type.decode(framed, FRAME_BYTES, (resolver ?? undefined) as never);
      if (offset !== framed.length) throw new RangeError(`read ${offset} of ${framed.length} bytes`);
      return value as T;
    } catch (error) {
      const message = `${framed.length} bytes are not a ${nameOf(this.schema)} written with schema ${id}`;
      throw new Failure('serde.corrupt', 'dead-letter', message, { cause: error });
    }
  }

  #encodeAt(value: T, start: number): number {
    let end = this.#type.encode(value, this.#slab, start);
    if (end < 0) {
      this.#slab = Buffer.allocUnsafe((this.#slab.length - end) * 2);
      end = this.#type.encode(value, this.#slab, start);
    }
    return end;
  }
}

/** What of a schema decides how values and bytes go together, as text: equal texts, equal values. */
function bytesText(schema: AvroSchema): string {
  return JSON.stringify(schema, BYTES_ATTRIBUTES);
}

function nameOf(schema: AvroSchema): string {
  return typeof schema === 'object' && 'name' in schema
    ? `${schema.namespace ?? ''}.${schema.name}`
    : JSON.stringify(schema);
}
