import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { keyOf, topology } from '../../../processors/engine/topology.ts';
import { type Windowed, windowedKeySchema } from '../../../processors/engine/windowed-key.ts';
import type { LateForWindow } from '../../../processors/engine/windows.ts';
import type { Schema } from '../../../schemas/schema.ts';
import { type Topic, tableTopic } from '../../../schemas/topic.ts';

interface ShopKey {
  readonly shop: string;
}

const shopKey = { type: 'record', name: 'Key', fields: [{ name: 'shop', type: 'string' }] } as const;
const long: Schema<bigint> = { avro: 'long' };
const sales: Topic<ShopKey, bigint> = {
  name: 'sales',
  kind: 'stream',
  partitions: 1,
  key: shopKey,
  value: 'long',
};
const revenue: Topic<Windowed<ShopKey>, bigint> = tableTopic(
  'revenue',
  { avro: windowedKeySchema(shopKey, 'revenue') },
  long,
  1,
);
const totals: Topic<ShopKey, bigint> = { ...sales, name: 'totals', kind: 'table' };
const sum = { initial: () => 0n, add: (total: bigint, amount: bigint) => total + amount };

const [a, b] = [{ shop: 'a' }, { shop: 'b' }];

test('a window is told once, when it has closed, under a flat key with its bounds; what comes later is shown to the hook', () => {
  const late: LateForWindow[] = [];
  const driver = testDriver(
    topology('hourly', (builder) => {
      builder
        .stream(sales)
        .windowedBy({ tumbling: '10ms' }, { grace: '5ms', onLate: (record) => void late.push(record) })
        .aggregate('revenue-per-hour', long, sum)
        .to(revenue);
    }),
  );
  driver.pipe(sales, b, 1n, { timestamp: 3 });
  driver.pipe(sales, a, 2n, { timestamp: 8 });
  driver.pipe(sales, a, 3n, { timestamp: 14 });
  driver.pipe(sales, a, 4n, { timestamp: 9 });
  expect(driver.read(revenue)).toEqual([]);
  driver.restart();
  driver.pipe(sales, b, 5n, { timestamp: 1_000 });
  expect(driver.read(revenue)).toEqual([
    { key: { shop: 'a', window_start: 0n, window_end: 10n }, value: 6n, timestamp: 9 },
    { key: { shop: 'b', window_start: 0n, window_end: 10n }, value: 1n, timestamp: 3 },
    { key: { shop: 'a', window_start: 10n, window_end: 20n }, value: 3n, timestamp: 14 },
  ]);
  expect(driver.entries('revenue-per-hour')).toBe(1);
  driver.pipe(sales, a, 6n, { timestamp: 985 });
  expect(driver.dropped()).toEqual([{ node: 'revenue-per-hour', reason: 'late' }]);
  expect(late).toEqual([
    { key: a, value: 6n, time: 985, streamTime: 1_000, windowStart: 980, windowEnd: 990 },
  ]);
});

test('windows that are told with every event are a table: what is folded from it takes the old values back', () => {
  const driver = testDriver(
    topology('running', (builder) => {
      builder
        .stream(sales)
        .windowedBy({ hopping: '20ms', advance: '10ms' }, { grace: '0ms', emit: 'on-update' })
        .aggregate('per-window', long, sum)
        .groupBy('by-shop', keyOf(totals), (_, { shop }) => ({ shop }))
        .aggregate('all-windows', long, { ...sum, subtract: (total, amount) => total - amount })
        .to(totals);
    }),
  );
  driver.pipe(sales, a, 1n, { timestamp: 15 });
  driver.pipe(sales, a, 2n, { timestamp: 17 });
  driver.pipe(sales, a, 4n, { timestamp: 25 });
  // [0, 20) has 1 + 2, [10, 30) has 1 + 2 + 4, [20, 40) has 4.
  expect(driver.read(totals).at(-1)).toEqual({ key: a, value: 14n, timestamp: 25 });
});

test('windows and joins go on without events as the source does, where event time is the time of the commit', () => {
  const late: number[] = [];
  const define = (time?: (amount: bigint) => number) =>
    testDriver(
      topology('idle', (builder) => {
        const options = time === undefined ? {} : { time };
        builder
          .stream(sales, options)
          .windowedBy({ tumbling: '10ms' }, { grace: '5ms', onLate: ({ time: at }) => void late.push(at) })
          .aggregate('revenue-per-hour', long, sum)
          .to(revenue);
      }),
    );
  const [byCommit, byValue] = [define(), define(Number)];
  for (const driver of [byCommit, byValue]) {
    driver.pipe(sales, a, 3n, { timestamp: 3 });
    driver.advance('14ms');
    expect(driver.read(revenue)).toEqual([]);
    driver.advance('1ms');
  }
  expect(byCommit.read(revenue).map(({ key, value }) => [key?.window_end, value])).toEqual([[10n, 3n]]);
  expect(byValue.read(revenue)).toEqual([]);
  byCommit.restart();
  byCommit.pipe(sales, a, 1n, { timestamp: 9 });
  expect(late).toEqual([9]);
});

test('an event between two sessions makes them one, and the two are no more', () => {
  const driver = testDriver(
    topology('visits', (builder) => {
      builder
        .stream(sales)
        .sessions({ session: '10ms' }, { grace: '100ms', emit: 'on-update' })
        .aggregate('visits', long, { ...sum, merge: (older, newer) => older + newer })
        .to(revenue);
    }),
  );
  driver.pipe(sales, a, 1n, { timestamp: 0 });
  driver.pipe(sales, a, 2n, { timestamp: 20 });
  driver.restart();
  driver.read(revenue);
  driver.pipe(sales, a, 4n, { timestamp: 10 });
  const told = driver.read(revenue).map(({ key, value }) => [key?.window_start, key?.window_end, value]);
  expect(told).toEqual([
    [0n, 0n, null],
    [20n, 20n, null],
    [0n, 20n, 7n],
  ]);
});

test('an event without a value takes part only where the fold says that it can', () => {
  const counting = (nullValues: 'drop' | 'process') =>
    testDriver(
      topology('counts', (builder) => {
        const options = { grace: 0, emit: 'on-update', nullValues } as const;
        builder.stream(sales).windowedBy({ tumbling: 10 }, options).count('counts').to(revenue);
      }),
    );
  const [process, drop] = [counting('process'), counting('drop')];
  for (const driver of [process, drop]) driver.pipe(sales, a, null, { timestamp: 1 });
  expect(process.read(revenue).map(({ value }) => value)).toEqual([1n]);
  expect(drop.read(revenue)).toEqual([]);
  expect(drop.dropped()).toEqual([{ node: 'counts', reason: 'null_value' }]);
});

test('a sliding window that is found late has the event that came when its own windows had closed', () => {
  const driver = testDriver(
    topology('sliding', (builder) => {
      builder
        .stream(sales)
        .windowedBy({ sliding: '10ms' }, { grace: '0ms', emit: 'on-update' })
        .aggregate('sliding', long, sum)
        .to(revenue);
    }),
  );
  driver.pipe(sales, a, 1n, { timestamp: 100 });
  driver.pipe(sales, a, 2n, { timestamp: 115 });
  // [96, 106] has closed, [105, 115] has not.
  driver.pipe(sales, a, 4n, { timestamp: 106 });
  driver.read(revenue);
  driver.pipe(sales, a, 8n, { timestamp: 116 });
  const told = driver.read(revenue).map(({ key, value }) => [key?.window_start, value]);
  expect(told).toContainEqual([106n, 14n]);
});

test('changes that are held back are told together, the oldest early when there are too many', () => {
  const driver = testDriver(
    topology('calm', (builder) => {
      builder
        .stream(sales)
        .aggregate('total', long, sum)
        .suppress('calm', { timeLimit: '10ms', recordsMax: 2 })
        .to(totals);
    }),
  );
  const pipe = (shop: string, amount: bigint, timestamp: number) =>
    driver.pipe(sales, { shop }, amount, { timestamp });
  pipe('a', 1n, 0);
  pipe('a', 2n, 5);
  pipe('b', 1n, 6);
  expect(driver.read(totals)).toEqual([]);
  driver.restart();
  pipe('c', 1n, 7);
  expect(driver.read(totals)).toEqual([{ key: a, value: 3n, timestamp: 5 }]);
  pipe('c', 1n, 16);
  expect(driver.read(totals)).toEqual([{ key: b, value: 1n, timestamp: 6 }]);
});

test.each([
  [{ tumbling: '0ms' } as const],
  [{ hopping: '10ms', advance: '11ms' } as const],
  [{ hopping: '10ms', advance: '0ms' } as const],
  [{ sliding: '-1ms' } as const],
])('a window that cannot be is refused: %o', (window) => {
  const define = (): unknown =>
    topology(
      'never',
      (builder) => void builder.stream(sales).windowedBy(window, { grace: 0 }).count('never'),
    );
  expect(define).toThrow(expect.objectContaining({ code: 'topology.bad_window' }));
});

test('a key that has a field of a bound is refused, and so is a join of keys with and without bounds', () => {
  const takenKey = { type: 'record', name: 'Key', fields: [{ name: 'window_end', type: 'string' }] } as const;
  const taken = tableTopic<{ readonly window_end: string }, bigint>('taken', { avro: takenKey }, long, 1);
  const counted = { tumbling: 10 } as const;
  const clash = (): unknown =>
    topology('clash', (builder) => void builder.stream(taken).windowedBy(counted, { grace: 0 }).count('n'));
  expect(clash).toThrow(expect.objectContaining({ code: 'topology.bad_window' }));
  const unlike = (): unknown =>
    topology('unlike', (builder) => {
      const windows = builder.stream(sales).windowedBy(counted, { grace: 0, emit: 'on-update' }).count('n');
      windows.join('with-plain', builder.table(revenue), (left) => left);
    });
  expect(unlike).toThrow(expect.objectContaining({ code: 'topology.unlike_keys' }));
});
