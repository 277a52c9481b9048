import { expect, test } from 'vitest';
import { columnAttributes } from '../../../../connectors/postgres-source/shapes/column-attributes.ts';

const TEXT = 25;
const INT4 = 23;
const typeOf = (name: string): number => (name === 'id' ? INT4 : TEXT);
/** `id:1 a:2`, as the catalog has it. */
const present = (text: string) =>
  text.split(' ').map((item) => {
    const [name = '', attribute] = item.split(':');
    return { name, typeOid: typeOf(name), attribute: Number(attribute) };
  });

test.each([
  ['the same', 'id a b', 'id:1 a:2 b:3', [1, 2, 3]],
  ['a hole, and columns that were added later', 'id b', 'id:1 b:3 c:4', [1, 3]],
  ['a column that is called otherwise later', 'id a b', 'id:1 a:2 x:3', [1, 2, 3]],
  ['names that were swapped later', 'id a b', 'id:1 b:2 a:3', [null, null, null]],
  ['a name that moves to the next column later', 'id a b', 'id:1 x:2 a:3', [null, null, null]],
  ['a column that is dropped later: a name may be another’s', 'id a b', 'id:1 b:2', [null, null, null]],
  ['a column that is dropped and made again later', 'id a b', 'id:1 b:3 a:4', [null, null, null]],
  ['a table that is gone', 'id a', '', [null, null]],
])('%s', (_, names, catalog, attributes) => {
  const columns = names.split(' ').map((name) => ({ name, typeOid: typeOf(name) }));
  expect(columnAttributes(columns, catalog === '' ? [] : present(catalog))).toEqual(attributes);
});
