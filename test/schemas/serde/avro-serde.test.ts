import { expect, test } from 'vitest';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { decimal, decimalText } from '../../../schemas/decimal.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { bodyOf, frame, schemaIdOf } from '../../../schemas/serde/wire-format.ts';

/** Schemas by id, in memory: the serde is pure but for looking a schema up. */
function catalogue(schemas: ReadonlyMap<number, AvroSchema>): SchemaRegistry {
  return {
    register: async (_, schema) => [...schemas].find(([, known]) => known === schema)?.[0] ?? -1,
    schemaById: async (id) => schemas.get(id) ?? 'null',
    latest: async () => null,
  };
}

const WRITER: AvroSchema = {
  type: 'record',
  name: 'Value',
  namespace: 'public.t',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'amount', type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 4 }] },
    { name: 'note', type: ['null', 'string'] },
  ],
};

const READER: AvroSchema = {
  type: 'record',
  name: 'Value',
  namespace: 'public.t',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'added', type: ['null', 'string'], default: null },
    { name: 'amount', type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 4 }] },
  ],
};

const registry = catalogue(new Map([[7, WRITER]]));

test('64-bit integers and decimals are exact, through the frame and back', async () => {
  const serde = await AvroSerde.writer<Record<string, unknown>>(registry, 't-value', WRITER);
  const framed = serde.encode({ id: 2n ** 63n - 1n, amount: decimal('-1.5'), note: 'ä' });
  expect(schemaIdOf(framed)).toBe(7);
  await serde.load(7);
  const value = serde.decode(framed);
  expect(value['id']).toBe(2n ** 63n - 1n);
  expect(decimalText(value['amount'] as never)).toBe('-1.5000');
  expect(value['note']).toBe('ä');
});

test.each(['0', '127', '128', '-128', '-129', '99999999.9999', '-99999999.9999'])(
  'the decimal %s',
  async (text) => {
    const serde = await AvroSerde.writer<Record<string, unknown>>(registry, 't-value', WRITER);
    const body = serde.encodeBody({ id: 0n, amount: decimal(text), note: null });
    const { amount } = serde.decodeBody(body);
    expect(Number(decimalText(amount as never))).toBe(Number(text));
  },
);

test('a reader sees its own fields: dropped ones are skipped, added ones take their default', async () => {
  const writer = await AvroSerde.writer<Record<string, unknown>>(registry, 't-value', WRITER);
  const framed = writer.encode({ id: 1n, amount: decimal('2'), note: 'gone' });
  const reader = AvroSerde.reader<Record<string, unknown>>(registry, READER);
  expect(reader.missing(framed)).toBe(7);
  await reader.load(7);
  expect(reader.missing(framed)).toBeNull();
  expect({ ...reader.decode(framed) }).toEqual({
    id: 1n,
    added: null,
    amount: { unscaled: 20000n, scale: 4 },
  });
});

test('a value longer than the first guess is encoded whole', async () => {
  const serde = await AvroSerde.writer<Record<string, unknown>>(registry, 't-value', WRITER);
  const note = 'x'.repeat(100_000);
  expect(serde.decodeBody(serde.encodeBody({ id: 1n, amount: null, note }))['note']).toBe(note);
});

test('bytes that no registry-aware producer wrote are a dead letter, and so is a truncated body', async () => {
  const serde = await AvroSerde.writer<Record<string, unknown>>(registry, 't-value', WRITER);
  await serde.load(7);
  expect(() => serde.decode(Buffer.from('{"id":1}'))).toThrow('do not begin with the Confluent frame');
  const framed = serde.encode({ id: 1n, amount: null, note: 'text' });
  expect(() => serde.decode(framed.subarray(0, framed.length - 2))).toThrow('are not a public.t.Value');
  expect(() => serde.decode(Buffer.concat([framed, Buffer.from([0])]))).toThrow('are not a public.t.Value');
});

test('the body of a key is the same under any schema id', () => {
  const body = Buffer.from([2, 4]);
  expect(bodyOf(frame(7, body))).toEqual(bodyOf(frame(8, body)));
});

test("a writer's schema that the reader's cannot take is refused with what to compare", async () => {
  const serde = AvroSerde.reader(catalogue(new Map([[9, 'string']])), READER);
  await expect(serde.load(9)).rejects.toMatchObject({
    code: 'serde.unresolvable',
    order: 'stop',
    message: 'schema 9 cannot be read as public.t.Value',
  });
});
