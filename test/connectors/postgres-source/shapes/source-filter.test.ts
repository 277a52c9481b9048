import { expect, test } from 'vitest';
import {
  verifyFilters,
  FILTER_OPTIONS,
} from '../../../../connectors/postgres-source/shapes/filter-options.ts';
import { patternList } from '../../../../connectors/postgres-source/shapes/name-pattern.ts';
import {
  type FilterOptions,
  includesTable,
  policyOf,
  refuseUnmatched,
} from '../../../../connectors/postgres-source/shapes/source-filter.ts';
import { parseOptions } from '../../../../infra/process/options.ts';

const KEY = 'k'.repeat(32);

/** The options as the command line gives them. */
function filters(...argv: readonly string[]): FilterOptions {
  const parsed = parseOptions('source', FILTER_OPTIONS, argv, {});
  if (parsed.kind === 'help') throw new Error(parsed.text);
  return parsed.options;
}

const CUSTOMERS = { schema: 'public', table: 'customers', columns: [{ name: 'id' }, { name: 'Email' }] };
const ORDERS = { schema: 'public', table: 'orders', columns: [{ name: 'id' }, { name: 'customer_email' }] };
const BOTH = [CUSTOMERS, ORDERS];

test('a comma within brackets or behind a backslash belongs to its pattern', () => {
  expect(patternList(String.raw`a{1,2}, b\,c ,, [d,e](f,g)`)).toEqual([
    'a{1,2}',
    String.raw`b\,c`,
    '[d,e](f,g)',
  ]);
});

test('without options every table is read, and every column goes out as it is', () => {
  expect(includesTable(filters(), ORDERS)).toBe(true);
  expect(policyOf(filters(), ORDERS, 'id')).toBeNull();
});

test('a pattern must match the whole name, in whatever letter case', () => {
  const options = filters('--table-include-list', String.raw`PUBLIC\.order|x`);
  expect(includesTable(options, ORDERS)).toBe(false);
  expect(includesTable(options, { schema: 'Public', table: 'Order' })).toBe(true);
  expect(includesTable(options, { schema: 'public', table: 'order_x' })).toBe(false);
});

test('an exclude list takes tables away, and leaves the others', () => {
  const options = filters('--table-exclude-list', String.raw`public\.ord.*`);
  expect([CUSTOMERS, ORDERS].map((table) => includesTable(options, table))).toEqual([true, false]);
});

test('the first policy that matches a column counts, and exclusion counts before it', () => {
  const options = filters(
    '--column-policies',
    String.raw`.*\.email=truncate:3, .*email=hash, .*\.id=mask`,
    '--column-exclude-list',
    String.raw`public\.orders\.id`,
    '--hash-key',
    KEY,
  );
  expect(policyOf(options, CUSTOMERS, 'Email')).toEqual({ kind: 'truncate', charactersMax: 3 });
  expect(policyOf(options, ORDERS, 'customer_email')).toEqual({ kind: 'hash' });
  expect(policyOf(options, CUSTOMERS, 'id')).toEqual({ kind: 'mask' });
  expect(policyOf(options, ORDERS, 'id')).toEqual({ kind: 'exclude' });
});

test('an include list of columns leaves out all that it does not name', () => {
  const options = filters('--column-include-list', String.raw`.*\.id`);
  expect(policyOf(options, ORDERS, 'id')).toBeNull();
  expect(policyOf(options, ORDERS, 'customer_email')).toEqual({ kind: 'exclude' });
});

test.each([
  ['--table-include-list', 'public.order'],
  ['--table-exclude-list', String.raw`orders`],
  ['--column-include-list', String.raw`public\.orders\.(id|x)y`],
  ['--column-exclude-list', String.raw`public\.orders\.mail`],
  ['--column-policies', String.raw`public\.orders\.mail=mask`],
])('%s %s matches nothing, and is refused by its name', (option, pattern) => {
  const options = filters(option, pattern);
  expect(() => refuseUnmatched(options, BOTH, BOTH)).toThrow(
    expect.objectContaining({
      code: 'source.filter_unmatched',
      order: 'stop',
      message: expect.stringContaining(`${option} ${pattern.replace('=mask', '')}`),
    }),
  );
});

test('a pattern for columns of a table that is filtered out matches nothing', () => {
  const columns = ['--column-policies', String.raw`public\.orders\.customer_email=mask`];
  expect(() => refuseUnmatched(filters(...columns), BOTH, BOTH)).not.toThrow();
  const without = filters(...columns, '--table-exclude-list', String.raw`public\.orders`);
  expect(() => refuseUnmatched(without, BOTH, BOTH)).toThrow(/--column-policies/);
});

test('a table whose rows are not published as such may be named, but its columns have no policy', () => {
  const table = filters('--table-include-list', String.raw`public\.(orders|customers)`);
  expect(() => refuseUnmatched(table, BOTH, [ORDERS])).not.toThrow();
  const column = filters('--column-policies', String.raw`public\.customers\.email=mask`);
  expect(() => refuseUnmatched(column, BOTH, [ORDERS])).toThrow(/--column-policies/);
});

test.each([
  [['--column-policies', '.*=shuffle'], /".\*=shuffle": PATTERN=POLICY is expected/],
  [['--column-policies', 'no policy'], /one of exclude, mask, hash, truncate:N, keep/],
  [['--column-policies', '(=mask'], /regular expression/],
  [['--table-include-list', 'a(b'], /regular expression/],
  [['--hash-key', 'short'], /at least 32 bytes/],
  [['--on-bad-row', 'ignore'], /--on-bad-row/],
])('%j is refused as it is read', (argv, message) => {
  expect(() => filters(...argv)).toThrow(message);
});

test.each([
  [['--table-include-list', 'a', '--table-exclude-list', 'b'], /exclude each other/],
  [['--column-include-list', 'a', '--column-exclude-list', 'b'], /exclude each other/],
  [['--column-policies', '.*=hash'], /MILLRACE_HASH_KEY_FILE/],
])('%j do not go together', (argv, message) => {
  expect(() => verifyFilters(filters(...argv))).toThrow(message);
});

test('a hash with its key is accepted, and a variable that nobody has set is no key', () => {
  expect(() => verifyFilters(filters('--column-policies', '.*=hash', '--hash-key', KEY))).not.toThrow();
  const parsed = parseOptions('source', FILTER_OPTIONS, [], { MILLRACE_HASH_KEY: '' });
  expect(parsed).toMatchObject({ options: { hashKey: undefined } });
});
