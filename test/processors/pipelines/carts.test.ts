import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { type CartEvent, carts } from '../../../processors/pipelines/carts.ts';
import { topics } from '../../../schemas/topics.ts';

const opened: CartEvent = { type: 'CartOpened', customerId: 'c1' };
const added = (product: string, quantity: number): CartEvent => ({ type: 'ItemAdded', product, quantity });
const removed = (product: string): CartEvent => ({ type: 'ItemRemoved', product });
const checkedOut: CartEvent = { type: 'CheckedOut' };
const discarded: CartEvent = { type: 'CartDiscarded' };

type Driver = ReturnType<typeof testDriver>;
const tell = (driver: Driver, cart: string, ...events: readonly CartEvent[]) => {
  for (const event of events) driver.pipe(topics.cartEvents, cart, JSON.stringify(event));
};

/** The table that the results make. */
const table = (driver: Driver) => {
  const rows = new Map<string | null, object>();
  for (const { key, value } of driver.read(topics.carts))
    if (value === null) rows.delete(key);
    else rows.set(key, value);
  return rows;
};

test('the events of a cart fold to its present state', () => {
  const driver = testDriver(carts);
  tell(driver, 'k1', opened, added('pen', 2), added('ink', 1), added('pen', 3), removed('ink'), checkedOut);
  const cart = { customer_id: 'c1', status: 'checked_out', quantities: { pen: 5 }, events: 6, unread: 0 };
  expect(table(driver)).toEqual(new Map([['k1', cart]]));
  expect(driver.rows('cart')).toMatchObject([{ key: 'k1', row: { value: cart } }]);
});

test('a discarded cart disappears, and may be opened anew', () => {
  const driver = testDriver(carts);
  tell(driver, 'k1', opened, added('pen', 2), discarded);
  expect(driver.read(topics.carts).at(-1)).toMatchObject({ key: 'k1', value: null });
  expect(driver.entries('cart')).toBe(0);
  tell(driver, 'k1', opened);
  expect(table(driver).get('k1')).toMatchObject({ quantities: {}, events: 1 });
});

test.each(['{"type":"GiftWrapped"}', '{"type":"ItemAdded","product":"pen","quantity":-1}', 'no JSON'])(
  'an event that this version does not know changes nothing and is counted: %s',
  (payload) => {
    const driver = testDriver(carts);
    tell(driver, 'k1', opened, added('pen', 2));
    driver.pipe(topics.cartEvents, 'k1', payload);
    tell(driver, 'k1', added('pen', 1));
    expect(table(driver).get('k1')).toMatchObject({ quantities: { pen: 3 }, events: 4, unread: 1 });
  },
);

test('a replay from zero gives the table that crashes in between have given', () => {
  const events: (readonly [string, CartEvent])[] = [0, 1, 2, 3, 4, 5, 6].flatMap((round) => [
    ['k1', added('pen', round + 1)] as const,
    [`k${round % 3}`, opened] as const,
    ['k2', round % 2 === 0 ? added('ink', 1) : removed('ink')] as const,
    [`k${round % 4}`, round === 5 ? discarded : checkedOut] as const,
  ]);
  const [whole, broken] = [testDriver(carts), testDriver(carts)];
  for (const [cart, event] of events) tell(whole, cart, event);
  for (const [cart, event] of events) {
    tell(broken, cart, event);
    broken.restart();
  }
  const expected = table(whole);
  expect(expected.size).toBe(4);
  expect(table(broken)).toEqual(expected);
  expect(broken.rows('cart')).toEqual(whole.rows('cart'));
});
