import { expect, test } from 'vitest';
import { parseTableMapping } from '../../../connectors/postgres-sink/table-mapping.ts';

test('topics are named without prefix, tables as the catalog has them', () => {
  expect([...parseTableMapping('public.orders=public.orders, enriched=Shop.Weird "one".x')]).toEqual([
    ['public.orders', { schema: 'public', table: 'orders' }],
    ['enriched', { schema: 'Shop', table: 'Weird "one".x' }],
  ]);
});

test.each([
  ['', /"" is not of the form/],
  ['orders', /"orders" is not of the form/],
  ['a=b', /"a=b" is not of the form/],
  ['a=s.t,a=s.u', /topic a is named twice/],
  ['a=s.t,b=s.t', /two topics would fill s\.t/],
])('"%s" is refused', (text, message) => {
  expect(() => parseTableMapping(text)).toThrow(message);
});
