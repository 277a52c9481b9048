import { expect, test } from 'vitest';
import type { ColumnType } from '../../../../connectors/postgres-source/types/column-codec.ts';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import { tableSchema } from '../../../../connectors/postgres-source/shapes/table-schema.ts';
import { parseColumnRules } from '../../../../connectors/postgres-source/types/type-policy.ts';
import { compileType } from '../../../../schemas/serde/avro-type.ts';

const POINT = 600;
const DATE = 1082;

function shape(schema: string, table: string, columns: Readonly<Record<string, ColumnType>>, rules = '') {
  const entries = Object.entries(columns);
  const relation: Relation = {
    oid: 1,
    schema,
    table,
    identity: 'd',
    columns: entries.map(([name, type], i) => ({
      name,
      typeOid: type.oid,
      typmod: type.typmod,
      inIdentity: i === 0,
    })),
  };
  const details = {
    primaryKey: entries.slice(0, 1).map(([name]) => name),
    columns: entries.map(([, base]) => ({ typeName: 'some type', base })),
  };
  const policy = { specialValues: 'null', columnTypes: parseColumnRules(rules) } as const;
  return tableSchema(relation, details, undefined, policy);
}

const scalar = (oid: number): ColumnType => ({ oid, typmod: -1 });

test('a name that Avro does not allow can be told from its schema, of the table too', () => {
  const { keySchema, valueSchema } = shape('my schema', 't', { 'a b': scalar(23) });
  expect(valueSchema).toMatchObject({ namespace: 'my_schema.t', 'pg.schema': 'my schema', 'pg.table': 't' });
  expect(keySchema).toMatchObject({ fields: [{ name: 'a_b', 'pg.name': 'a b' }] });
  expect(shape('public', 't', { a: scalar(23) }).valueSchema).not.toHaveProperty('pg.table');
});

test('columns that are records do not share a name', () => {
  const { valueSchema } = shape('public', 't', { id: scalar(23), a: scalar(POINT), b: scalar(POINT) });
  expect(() => compileType(valueSchema)).not.toThrow();
  expect(valueSchema.fields[1]?.type).toMatchObject(['null', { namespace: 'public.t.column', name: 'a' }]);
});

test('S122 S127 a key with infinity goes through under the rule string', () => {
  const { keySchema, valueSchema } = shape('public', 't', { until: scalar(DATE) }, 'public.t.until=string');
  expect(keySchema?.fields[0]?.type).toBe('string');
  expect(valueSchema.fields[0]?.type).toBe('string');
});
