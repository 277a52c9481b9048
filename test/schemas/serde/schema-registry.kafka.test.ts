import { randomBytes } from 'node:crypto';
import { expect, inject, test } from 'vitest';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { type SchemaRegistry, connectRegistry } from '../../../schemas/serde/schema-registry.ts';

const VALUE: AvroRecord = {
  type: 'record',
  name: 'Value',
  namespace: 'public.orders',
  fields: [
    {
      name: 'price',
      type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 },
      'pg.type': 'numeric(12,2)',
    },
    { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }], default: null },
  ],
};

function registry(): SchemaRegistry {
  return connectRegistry({ url: inject('registryUrl'), clientId: 'test' });
}

const subject = (): string => `test-${randomBytes(6).toString('hex')}-value`;

test('a schema comes back as it was registered: logical types, defaults and attributes', async () => {
  const id = await registry().register(subject(), VALUE);
  expect(await registry().schemaById(id)).toEqual(VALUE);
});

test('a compatible second version is taken and is the newest; the same schema keeps its id', async () => {
  const name = subject();
  const second = {
    ...VALUE,
    fields: [...VALUE.fields, { name: 'more', type: ['null', 'string'], default: null }],
  } as const;
  const first = await registry().register(name, VALUE);
  const id = await registry().register(name, second);
  expect(await registry().register(name, VALUE)).toBe(first);
  expect(await registry().latest(name)).toEqual({ id, schema: second });
});

test('an incompatible version is refused', async () => {
  const name = subject();
  await registry().register(name, VALUE);
  const other = { ...VALUE, fields: [{ name: 'must', type: 'int' }] } as const;
  await expect(registry().register(name, other)).rejects.toMatchObject({
    code: 'registry.incompatible',
    order: 'stop',
  });
});

test('a schema without a name is taken', async () => {
  expect(await registry().schemaById(await registry().register(subject(), 'string'))).toBe('string');
});

test('a subject that does not exist has no newest schema', async () => {
  expect(await registry().latest(subject())).toBeNull();
});
