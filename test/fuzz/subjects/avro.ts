import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { contractSchema } from '../../../schemas/contract/contracts.ts';
import { jsonLines } from '../../../schemas/contract/json-lines.ts';
import { schemaNode } from '../../../schemas/contract/schema-node.ts';
import { decimal } from '../../../schemas/decimal.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { frame } from '../../../schemas/serde/wire-format.ts';
import type { FuzzSubject } from '../subject.ts';

/** Everything that Avro has, with what the reader drops and what it adds. */
export const WRITER: AvroSchema = {
  type: 'record',
  name: 'Value',
  namespace: 'fuzz',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'dropped_list', type: { type: 'array', items: { type: 'array', items: 'string' } } },
    { name: 'amount', type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 4 }] },
    { name: 'note', type: ['null', 'string'] },
    { name: 'tags', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'counts', type: { type: 'map', values: 'long' } },
    { name: 'dropped_map', type: { type: 'map', values: 'bytes' } },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['a', 'b'] } },
    { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 4 } },
    { name: 'ratio', type: 'double' },
    { name: 'part', type: ['null', { type: 'record', name: 'Part', fields: [{ name: 'at', type: 'int' }] }] },
  ],
};

const READER: AvroSchema = {
  type: 'record',
  name: 'Value',
  namespace: 'fuzz',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'added', type: ['null', 'string'], default: null },
    { name: 'tags', type: { type: 'array', items: ['null', 'string'] } },
    { name: 'counts', type: { type: 'map', values: 'long' } },
    { name: 'part', type: ['null', { type: 'record', name: 'Part', fields: [{ name: 'at', type: 'int' }] }] },
  ],
};

const VALUE = {
  id: 2n ** 60n,
  dropped_list: [['x', 'y'], []],
  amount: decimal('-12.5'),
  note: 'ä',
  tags: ['one', null, 'three'],
  counts: { a: 1n, __proto__x: -2n },
  dropped_map: { b: Buffer.from('bytes') },
  kind: 'b',
  hash: Buffer.from('abcd'),
  ratio: 0.5,
  part: { at: 3 },
};

/** Schemas by id, in memory. */
export function catalogue(schemas: ReadonlyMap<number, AvroSchema>): SchemaRegistry {
  return {
    register: async (_, schema) => [...schemas].find(([, known]) => known === schema)?.[0] ?? -1,
    schemaById: async (id) => schemas.get(id) ?? 'null',
    latest: async () => null,
  };
}

const WRITER_ID = 7;
const registry = catalogue(new Map([[WRITER_ID, WRITER]]));
const own = await AvroSerde.writer<unknown>(registry, 'fuzz-value', WRITER);
await own.load(WRITER_ID);
const resolving = AvroSerde.reader<unknown>(registry, READER);
await resolving.load(WRITER_ID);
const BODY = own.encodeBody(VALUE);

const framed = (bytes: Buffer): Buffer => frame(WRITER_ID, bytes);

const AVSC = [WRITER, READER].map((schema) => Buffer.from(JSON.stringify(schema, null, 2)));

export const AVRO_SUBJECTS: readonly FuzzSubject[] = [
  {
    name: 'avro',
    samples: [framed(BODY)],
    mend: (bytes) => framed(bytes.subarray(5)),
    run: (bytes) => own.decode(bytes),
  },
  {
    name: 'avro-resolved',
    samples: [framed(BODY)],
    mend: (bytes) => framed(bytes.subarray(5)),
    run: (bytes) => resolving.decode(bytes),
  },
  { name: 'avro-body', samples: [BODY], run: (bytes) => own.decodeBody(bytes) },
  {
    name: 'avsc-file',
    samples: AVSC,
    run(bytes) {
      const text = bytes.toString('utf8');
      schemaNode(contractSchema(text, 'some.avsc'));
      jsonLines(text);
    },
  },
];
