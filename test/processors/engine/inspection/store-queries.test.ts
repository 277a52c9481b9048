import { expect, test } from 'vitest';
import type { InspectedState } from '../../../../processors/engine/inspection/inspected-state.ts';
import { describeState } from '../../../../processors/engine/inspection/state-listing.ts';
import { getRow, rangeOfRows, windowsOfKey } from '../../../../processors/engine/inspection/store-queries.ts';
import { partitionFor } from '../../../../connectors/kafka/partitioner.ts';
import { testDriver } from '../../../../processors/engine/test-driver.ts';
import { topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const users: Topic<bigint, string> = {
  name: 'users',
  kind: 'table',
  partitions: 1,
  key: 'long',
  value: 'string',
};
const sales: Topic<string, bigint> = {
  name: 'sales',
  kind: 'stream',
  partitions: 1,
  key: 'string',
  value: 'long',
};
const text: Schema<string> = { avro: 'string' };
const long: Schema<bigint> = { avro: 'long' };
const sum = { initial: () => 0n, add: (total: bigint, amount: bigint) => total + amount };

const shop = () =>
  testDriver(
    topology('shop', (builder) => {
      builder.table(users, { history: 100 });
      const stream = builder.stream(sales);
      stream.windowedBy({ tumbling: 10 }, { grace: 0 }).aggregate('hourly', long, sum);
      stream
        .sessions({ session: 5 }, { grace: 0 })
        .aggregate('sessions', long, { ...sum, merge: (a: bigint, b: bigint) => a + b });
      stream.process('step', {
        stores: { last: { key: text, value: long } },
        output: long,
        each: (amount, key, { stores }) => stores.last.put(key, amount),
      });
    }),
  );
const asked = (text: string): URLSearchParams => new URLSearchParams(text);

test('a row is found by its key, with the times that it came with', () => {
  const driver = shop();
  driver.pipe(users, 2n ** 60n, 'Ada', { timestamp: 5 });
  expect(getRow(driver.state(), 'users', asked('key="1152921504606846976"'))).toEqual({
    found: true,
    body: {
      store: 'users',
      key: '1152921504606846976',
      value: 'Ada',
      time: 5,
      commitTime: 5,
      task: '0_0',
      partition: 0,
      offsets: {},
    },
  });
  driver.pipe(users, 2n ** 60n, null, { timestamp: 6 });
  expect(getRow(driver.state(), 'users', asked('key="1152921504606846976"')).found).toBe(false);
});

test('a range is bounded, and says where to go on', () => {
  const driver = shop();
  for (const id of [1n, 2n, 3n, 4n]) driver.pipe(users, id, `user ${id}`);
  driver.pipe(users, 2n, null);
  const page = (text: string) => {
    const { body } = rangeOfRows(driver.state(), 'users', asked(text));
    return [(body['rows'] as { key: number }[]).map(({ key }) => key), body['next']];
  };
  expect(page('')).toEqual([[1, 3, 4], null]);
  expect(page('limit=2')).toEqual([[1, 3], 4]);
  expect(page('from=4&limit=2')).toEqual([[4], null]);
  expect(page('from=3&to=4')).toEqual([[3], null]);
});

test('an answer ends before it has too many bytes, however many rows are asked for', () => {
  const driver = shop();
  for (const id of [1n, 2n, 3n]) driver.pipe(users, id, 'x'.repeat(600_000));
  const { body } = rangeOfRows(driver.state(), 'users', asked(''));
  expect([(body['rows'] as unknown[]).length, body['next']]).toEqual([1, 2]);
});

test('windows of a key are found by time, sessions by their end, a step of ones own by its stores', () => {
  const driver = shop();
  driver.pipe(sales, 'a', 1n, { timestamp: 12 });
  driver.pipe(sales, 'a', 2n, { timestamp: 14 });
  const row = (store: string, text: string) => windowsOfKey(driver.state(), store, asked(text)).body['rows'];
  const times = { time: 14, commitTime: 14 };
  expect(row('hourly', 'key=a&from=10&to=10')).toEqual([
    { key: 'a', start: 10, end: 20, value: 3, ...times },
  ]);
  expect(windowsOfKey(driver.state(), 'hourly', asked('key=a&from=11')).found).toBe(false);
  expect(row('sessions', 'key=a')).toEqual([{ key: 'a', start: 12, end: 14, value: 3, ...times }]);
  expect(getRow(driver.state(), 'step-last', asked('key=a')).body).toMatchObject({ key: 'a', value: 2 });
});

test('a key that is not here is told with its partition', () => {
  const driver = shop();
  const here = driver.state();
  const keyBody = here.serdes('long').encodeBody(7n);
  const partition = partitionFor(keyBody, 4);
  const split = (own: number): InspectedState => ({
    ...here,
    taskCounts: here.parts.map(() => 4),
    tasks: here.tasks.map((task) => ({ ...task, id: `${task.part.id}_${own}`, partition: own })),
  });
  const elsewhere = getRow(split((partition + 1) % 4), 'users', asked('key=7'));
  expect(elsewhere).toMatchObject({ found: false, elsewhere: { subTopology: 0, partition } });
  const nowhere = getRow(split(partition), 'users', asked('key=7'));
  expect([nowhere.found, nowhere.elsewhere]).toEqual([false, undefined]);
});

test.each([
  ['nothing', 'key=1', 'query.unknown_store'],
  ['users', '', 'query.bad_request'],
  ['users', 'key={', 'query.bad_key'],
  ['users', 'key="x"', 'query.bad_key'],
  ['hourly', 'key=a', 'query.bad_request'],
])('get of %s with "%s" is refused as %s', (store, text, code) => {
  expect(() => getRow(shop().state(), store, asked(text))).toThrow(expect.objectContaining({ code }));
});

test.each(['limit=0', 'limit=1001', 'limit=x', 'from={'])('a range with %s is refused', (text) => {
  expect(() => rangeOfRows(shop().state(), 'users', asked(text))).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^query\.bad_/) }),
  );
});

test('the listing names tasks, stores, entries and stream times', () => {
  const driver = shop();
  driver.pipe(sales, 'a', 1n, { timestamp: 12 });
  expect(describeState(driver.state())).toMatchObject({
    pipeline: 'shop',
    tasks: [{ task: '0_0', partition: 0 }, { task: '1_0' }],
    stores: expect.arrayContaining([
      expect.objectContaining({ name: 'hourly', layout: 'windows', entries: 1, streamTime: 12 }),
      expect.objectContaining({ name: 'users', layout: 'rows', entries: 0, streamTime: null }),
    ]),
  });
});
