import { expectTypeOf, test } from 'vitest';
import type { KStream } from '../../../processors/engine/kstream.ts';
import type { KTable } from '../../../processors/engine/ktable.ts';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { keyOf, topology } from '../../../processors/engine/topology.ts';
import type { Windowed } from '../../../processors/engine/windowed-key.ts';
import type { Key } from '../../../schemas/key.ts';
import type { Schema } from '../../../schemas/schema.ts';
import type {
  CustomerKey,
  CustomerRevenueKey,
  OrderKey,
  ShipmentKey,
} from '../../../schemas/superstore/generated.ts';
import { type Topic, tableTopic } from '../../../schemas/topic.ts';

/** Keys that look alike: only what they identify tells them apart. */
type UserId = Key<'users', bigint>;
type ItemId = Key<'items', bigint>;
interface UserRow extends Key<'user rows'> {
  readonly id: bigint;
}
interface ItemRow extends Key<'item rows'> {
  readonly id: bigint;
}
interface Entry {
  readonly userId: bigint;
  readonly itemId: bigint | null;
}

const long = { avro: 'long' } as const;
const count: Schema<bigint> = long;
const id = {
  avro: { type: 'record', name: 'Id', fields: [{ name: 'id', type: 'long' }] },
} as const;
const entry: Schema<Entry> = {
  avro: {
    type: 'record',
    name: 'Entry',
    fields: [
      { name: 'userId', type: 'long' },
      { name: 'itemId', type: ['null', 'long'] },
    ],
  },
};
const topicOf = <K>(name: string, key: Schema<K>): Topic<K, Entry> => tableTopic(name, key, entry, 1);
const users = topicOf<UserId>('users', long);
const visits = topicOf<UserId>('visits', long);
const items = topicOf<ItemId>('items', long);
const plain = topicOf<bigint>('plain', long);
const userRows = topicOf<UserRow>('user-rows', id);
const itemRows = topicOf<ItemRow>('item-rows', id);

const window = { within: '1m', grace: '0s' } as const;
const hour = { tumbling: '1h' } as const;
const one = (): bigint => 1n;

test('a plain value becomes a key, a key reads as a plain value, and no key becomes another', () => {
  const user: UserId = 7n;
  const row: UserRow = { id: user + 1n };
  expectTypeOf(user).toExtend<bigint>();
  expectTypeOf(row).toExtend<{ readonly id: bigint }>();
  expectTypeOf<UserId>().not.toExtend<ItemId>();
  expectTypeOf<UserRow>().not.toExtend<ItemRow>();
  // @ts-expect-error a user is no item
  const item: ItemId = user;
  // @ts-expect-error nor is its row, copied or not
  const copied: ItemRow = { ...row };
  // @ts-expect-error a key has its fields, whatever it identifies
  const empty: UserRow = {};
  expectTypeOf({ item, copied, empty }).toBeObject();
});

test('streams and tables go together by what their keys identify, not by what their topics are called', () => {
  topology('like', (builder) => {
    const [stream, table] = [builder.stream(users), builder.table(visits)];
    const others = builder.stream(visits);
    expectTypeOf(stream.join('a', others, window, (_, __, key) => key)).toEqualTypeOf<
      KStream<UserId, UserId>
    >();
    stream.leftJoin('b', others, window, (left) => left).to(visits);
    stream.outerJoin('c', others, window, (left) => left);
    stream.merge(others).to(users);
    stream.joinTable('d', table, (left) => left).to(users);
    stream.leftJoinTable('e', builder.table(visits), (left) => left).to(users);
    table.join('f', builder.table(users), (left) => left).to(users);
    table.leftJoin('g', builder.table(users), (left) => left).to(visits);
    table.outerJoin('h', builder.table(users), (left) => left);
  });
});

test('unlike keys do not compile, though their bytes are alike', () => {
  const define = (): unknown =>
    topology('unlike', (builder) => {
      const [stream, table] = [builder.stream(users), builder.table(users)];
      const [itemStream, itemTable] = [builder.stream(items), builder.table(items)];
      // @ts-expect-error
      stream.join('a', itemStream, window, one);
      // @ts-expect-error
      stream.leftJoin('b', itemStream, window, one);
      // @ts-expect-error
      stream.outerJoin('c', itemStream, window, one);
      // @ts-expect-error
      stream.merge(itemStream);
      // @ts-expect-error
      stream.joinTable('d', itemTable, one);
      // @ts-expect-error
      stream.leftJoinTable('e', itemTable, one);
      // @ts-expect-error
      stream.joinTable('f', builder.table(items, { history: '1m' }), { grace: '1s' }, one);
      // @ts-expect-error
      stream.leftJoinTable('f', builder.table(items, { history: '1m' }), { grace: '1s' }, one);
      // @ts-expect-error
      table.join('g', itemTable, one);
      // @ts-expect-error
      table.leftJoin('h', itemTable, one);
      // @ts-expect-error
      table.outerJoin('i', itemTable, one);
      // @ts-expect-error
      stream.to(items);
      // @ts-expect-error
      table.to(items);
      // @ts-expect-error
      stream.mapValues(one).filter(Boolean).merge(itemStream.mapValues(one));
      // @ts-expect-error keys that are records are told apart as well
      builder.stream(userRows).join('j', builder.stream(itemRows), window, one);
      // @ts-expect-error
      builder.table(userRows).join('k', builder.table(itemRows), one);
    });
  expectTypeOf(define).returns.toBeUnknown();
});

test('who makes a key writes a plain value, and may not take the key of something else for it', () => {
  const define = (): unknown =>
    topology('made', (builder) => {
      const [stream, table] = [builder.stream(users), builder.table(users)];
      const [itemTable, everyItem] = [builder.table(items), builder.globalTable(items)];
      const itemOf = { key: ({ itemId }: Entry) => itemId };
      const unlike = { key: (_: Entry, user: UserId) => user };

      stream
        .repartition('a', keyOf(items), ({ itemId }) => itemId)
        .joinTable('b', itemTable, (left) => left)
        .to(items);
      // @ts-expect-error
      stream.repartition('c', keyOf(items), (_, user) => user);

      table
        .groupBy('d', keyOf(items), ({ itemId }) => itemId)
        .aggregate('e', count, sums)
        .to(itemCounts);
      // @ts-expect-error
      table.groupBy('f', keyOf(items), (_, user) => user);

      table.joinForeignKey('g', itemTable, itemOf, (left) => left).to(users);
      table.leftJoinForeignKey('h', itemTable, itemOf, (left) => left).to(users);
      // @ts-expect-error
      table.joinForeignKey('i', itemTable, unlike, one);
      // @ts-expect-error
      table.leftJoinForeignKey('j', itemTable, { key: (_, user) => user }, one);
      // @ts-expect-error the result has the key of the left table
      table.joinForeignKey('k', itemTable, itemOf, (left) => left).to(items);

      stream.joinGlobal('l', everyItem, itemOf, (left) => left).to(users);
      // @ts-expect-error
      stream.joinGlobal('m', everyItem, unlike, one);
      // @ts-expect-error
      stream.leftJoinGlobal('n', everyItem, { key: (_, user) => user }, one);

      const stores = { seen: { key: keyOf(items), value: long } };
      stream.process('o', {
        stores,
        output: entry,
        each(value, user, context) {
          context.stores.seen.put(value.itemId ?? 0n, 1n);
          context.forward(value.userId, value);
          // @ts-expect-error
          context.stores.seen.put(user, 1n);
          const item: ItemId = 1n;
          // @ts-expect-error
          context.forward(item, value);
        },
      });
    });
  expectTypeOf(define).returns.toBeUnknown();
});

const sums = { initial: () => 0n, add: (sum: bigint) => sum, subtract: (sum: bigint) => sum };
const itemCounts = tableTopic<ItemId, bigint>('item-counts', long, long, 1);

test('windows keep what their events are keyed by', () => {
  expectTypeOf<Windowed<UserId>['key']>().toEqualTypeOf<UserId>();
  expectTypeOf<Windowed<UserRow>>().toExtend<UserRow>();
  const define = (): unknown =>
    topology('windows', (builder) => {
      const counts = <K>(name: string, topic: Topic<K, Entry>): KTable<Windowed<K>, bigint> =>
        builder.stream(topic).windowedBy(hour, { grace: '0s', emit: 'on-update' }).count(name);
      const perUser = counts('a', users);
      perUser.join('b', counts('c', visits), one);
      // @ts-expect-error
      perUser.join('d', counts('e', items), one);
      // @ts-expect-error
      counts('f', userRows).join('g', counts('h', itemRows), one);
      const closed = builder.stream(userRows).windowedBy(hour, { grace: '0s' }).count('i');
      closed.to(tableTopic<Windowed<UserRow>, bigint>('closed', id, long, 1));
      // @ts-expect-error
      closed.to(tableTopic<Windowed<ItemRow>, bigint>('closed', id, long, 1));
      // @ts-expect-error a window of something is not the thing
      closed.join('j', builder.stream(userRows), window, one);
      const sessions = builder.stream(items).sessions({ session: '1m' }, { grace: '0s' }).count('k');
      // @ts-expect-error
      sessions.to(tableTopic<Windowed<UserId>, bigint>('closed', id, long, 1));
    });
  expectTypeOf(define).returns.toBeUnknown();
});

test('a key without a name goes together with any key of its type', () => {
  topology('plain', (builder) => {
    builder
      .stream(plain)
      .join('a', builder.stream(users), window, (left) => left)
      .to(items);
    builder
      .table(items)
      .join('b', builder.table(plain), (left) => left)
      .to(items);
  });
});

test('the test driver takes plain values for keys, and no key of another topic', () => {
  const driver = testDriver(topology('driver', (builder) => builder.stream(users).to(visits)));
  driver.pipe(users, 1n, { userId: 1n, itemId: null });
  const item: ItemId = 1n;
  // @ts-expect-error
  driver.pipe(users, item, { userId: 1n, itemId: null });
  const [first] = driver.read(visits);
  expectTypeOf(first?.key).toEqualTypeOf<UserId | null | undefined>();
});

test('generated keys identify what their record or their millrace.key names', () => {
  expectTypeOf<ShipmentKey>().toExtend<OrderKey>();
  expectTypeOf<CustomerRevenueKey>().toExtend<CustomerKey>();
  expectTypeOf<{ readonly customer_id: string }>().toExtend<CustomerKey>();
  expectTypeOf<{ readonly order_id: string } & Key<'public.customers.Key'>>().not.toExtend<OrderKey>();
});
