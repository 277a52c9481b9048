import { expect, test } from 'vitest';
import { checkReport } from '../../../schemas/contract/check-report.ts';
import { checkContracts, isCompatible } from '../../../schemas/contract/contract-check.ts';
import { type Contract, contractSchema, contracts } from '../../../schemas/contract/contracts.ts';
import { jsonLines } from '../../../schemas/contract/json-lines.ts';
import { schemaDiff } from '../../../schemas/contract/schema-diff.ts';

const TEXT = `{
  "type": "record",
  "name": "Value",
  "fields": [
    { "name": "id", "type": "long" },
    { "name": "total", "type": ["null", "double"], "default": null },
    { "name": "must", "type": "string" }
  ]
}`;

const BEFORE = contractSchema(
  JSON.stringify({
    type: 'record',
    name: 'Value',
    fields: [
      { name: 'id', type: 'int' },
      { name: 'note', type: 'string', default: '' },
    ],
  }),
  'before',
);

const contract = (part: 'key' | 'value', writer: 'pipeline' | 'source'): Contract => ({
  subject: `p.sums-${part}`,
  part,
  writer,
  file: 'schemas/sums.avsc',
  schema: contractSchema(TEXT, 'sums'),
  lines: jsonLines(TEXT),
});

const check = (one: Contract, level: 'FULL' | 'NONE' = 'FULL') =>
  checkContracts([one], async () => [{ label: 'version 1', schema: BEFORE }], level);

test('a break is told with its line: to a person, a program and a runner of CI', async () => {
  const checked = await check(contract('value', 'pipeline'));
  expect(isCompatible(checked)).toBe(false);
  expect(checkReport(checked, 'text')).toBe(`✗ p.sums-value  not FULL with version 1
  schemas/sums.avsc:7  READER_FIELD_MISSING_DEFAULT_VALUE (BACKWARD)
    field must: version 1 wrote no such field, which is not read as string without a default
    → give it a default: "type": ["null", ..], "default": null
  schemas/sums.avsc:5  TYPE_MISMATCH (FORWARD)
    field id: now long, which readers of version 1 do not take: they have int
    → add a field with the new type beside it (nullable, "default": null), and drop the old one later
Summary: 0 compatible, 0 new, 1 incompatible
`);
  expect(JSON.parse(checkReport(checked, 'json'))).toMatchObject({
    command: 'schemas check',
    ok: false,
    result: [{ subject: 'p.sums-value', status: 'incompatible', breaks: [{ line: 7 }, { line: 5 }] }],
  });
  expect(checkReport(checked, 'github').split('\n')[1]).toBe(
    '::error file=schemas/sums.avsc,line=5,title=TYPE_MISMATCH%3A p.sums-value::field id: now long, which readers of ' +
      'version 1 do not take: they have int%0Aadd a field with the new type beside it (nullable, "default": null), and drop the old one later',
  );
});

test('what is read of the source need only be readable; a key of our own keeps its bytes; NONE lets everything pass', async () => {
  const directions = async (one: Contract, level?: 'NONE'): Promise<readonly string[]> =>
    (await check(one, level)).flatMap(({ breaks }) =>
      breaks.map(({ type, direction }) => `${type} ${direction}`),
    );
  expect(await directions(contract('value', 'source'))).toEqual([
    'READER_FIELD_MISSING_DEFAULT_VALUE BACKWARD',
  ]);
  expect(await directions(contract('key', 'pipeline'))).toContain('KEY_BYTES_CHANGED BACKWARD');
  expect(await directions(contract('key', 'pipeline'), 'NONE')).toEqual([]);
});

test('what differs is told field by field', () => {
  expect(schemaDiff(BEFORE, contract('value', 'pipeline').schema)).toEqual([
    '~ id: int -> long',
    '+ total: double or null = null',
    '+ must: string',
    '- note: string = ""',
  ]);
  expect(schemaDiff(BEFORE, BEFORE)).toEqual([]);
});

test('each topic of the catalogue is under the contract of its files', () => {
  const found = contracts('p').map(({ subject, file, writer }) => `${subject} ${file} ${writer}`);
  expect(found).toContain('p.orders_denorm-key schemas/superstore/order-denorm-key.avsc pipeline');
  expect(found).toContain('p.orders_denorm-value schemas/superstore/order-denorm.avsc pipeline');
  expect(found).toContain('p.public.order_lines-value schemas/superstore/sale.avsc source');
  expect(found).toContain('p.public.order_lines-value schemas/superstore/order-line.avsc source');
});

test('a file that is no schema is told by its name', () => {
  for (const text of ['{', '{"type":"record","name":"A","fields":[{"name":"a","type":"nothing"}]}'])
    expect(() => contractSchema(text, 'schemas/a.avsc')).toThrow('schemas/a.avsc is not an Avro schema');
});

test('what is read of the source and not written any more is told, and is no break', async () => {
  const reads = {
    ...contract('value', 'source'),
    schema: contractSchema(TEXT.replace(/,\n.*must.*/, ''), 'sums'),
  };
  const checked = await check(reads);
  expect(isCompatible(checked)).toBe(true);
  expect(checkReport(checked, 'text')).toBe(`✓ p.sums-value  BACKWARD_TRANSITIVE with version 1
  ! schemas/sums.avsc:6  field total is read as its default: version 1, the newest, does not have it
    → name the column that it was renamed to among its "aliases", or read it no longer; it may also be a column that is still to come
Summary: 1 compatible, 0 new, 0 incompatible
`);
  expect(checkReport(checked, 'github')).toMatch(
    /^::warning file=schemas\/sums\.avsc,line=6,title=NOT_WRITTEN%3A p\.sums-value::field total is read/,
  );
  const [one] = await check(contract('value', 'pipeline'));
  expect(one?.unwritten).toEqual([]);
});
