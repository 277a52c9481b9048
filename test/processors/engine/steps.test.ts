import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../processors/engine/topology.ts';
import type { Schema } from '../../../schemas/schema.ts';
import type { Topic } from '../../../schemas/topic.ts';

const text: Schema<string> = { avro: 'string' };
const long: Schema<bigint> = { avro: 'long' };
const base = { kind: 'stream', key: 'string', value: 'string', partitions: 1 } as const;
const left: Topic<string, string> = { ...base, name: 'left' };
const right: Topic<string, string> = { ...base, name: 'right' };
const result: Topic<string, string> = { ...base, name: 'result' };
const counts: Topic<string, bigint> = { ...base, name: 'counts', value: 'long' };

const driverOf = (define: (builder: TopologyBuilder) => void) => testDriver(topology('steps', define));
const plain = <K, V>(records: readonly { key: K; value: V; timestamp: number }[]) =>
  records.map(({ key, value, timestamp }) => [key, value, timestamp]);

test('an event becomes any number of events of its key and time', () => {
  const driver = driverOf((builder) => {
    builder
      .stream(left)
      .flatMapValues((value) => value.split(' ').filter((word) => word !== ''))
      .to(result);
  });
  driver.pipe(left, 'k', 'a b', { timestamp: 7 });
  driver.pipe(left, 'k', '', { timestamp: 8 });
  expect(plain(driver.read(result))).toEqual([
    ['k', 'a', 7],
    ['k', 'b', 7],
  ]);
});

test('merged streams are one, in the order in which their events are read', () => {
  const driver = driverOf((builder) => {
    builder.stream(left).merge(builder.stream(right)).reduce('longest', longer).to(result);
  });
  driver.pipe(left, 'k', 'aa');
  driver.pipe(right, 'k', 'b');
  driver.restart();
  driver.pipe(right, 'k', 'ccc');
  expect(driver.read(result).map(({ value }) => value)).toEqual(['aa', 'aa', 'ccc']);
});

const longer = (a: string, b: string): string => (b.length > a.length ? b : a);

/** Tells a value once, and every 10 ms of stream time how many different ones there have been. */
function firstSeen(builder: TopologyBuilder): void {
  builder
    .stream(left)
    .process('first-seen', {
      stores: { seen: { key: text, value: long } },
      output: text,
      each(value, key, { stores: { seen }, forward }) {
        const times = seen.get(value) ?? 0n;
        if (times === 0n) forward(key, value);
        const rows = [...seen.entries()];
        if (value === 'forget') for (const row of rows) seen.delete(row.key);
        else seen.put(value, times + 1n);
      },
      punctuate: {
        every: '10ms',
        call: ({ stores: { seen }, forward, time, streamTime }) =>
          forward('count', `${[...seen.entries()].length} at ${time} of ${streamTime}`),
      },
    })
    .to(result);
}

test("a step of one's own keeps its state and its beat over a crash", () => {
  const driver = driverOf(firstSeen);
  const pipe = (value: string, timestamp: number) => driver.pipe(left, 'k', value, { timestamp });
  pipe('a', 3);
  pipe('b', 9);
  pipe('a', 9);
  driver.restart();
  pipe('a', 35);
  pipe('c', 31);
  expect(plain(driver.read(result))).toEqual([
    ['k', 'a', 3],
    ['k', 'b', 9],
    ['count', '2 at 30 of 35', 30],
    ['k', 'c', 31],
  ]);
  driver.restart();
  pipe('forget', 36);
  pipe('a', 41);
  expect(plain(driver.read(result))).toEqual([
    ['k', 'forget', 36],
    ['k', 'a', 41],
    ['count', '1 at 40 of 41', 40],
  ]);
});

test('a fold of a table that was joined with what was made of it takes back what it was given', () => {
  const driver = driverOf((builder) => {
    const table = builder.table(left);
    table
      .join(
        'with-itself',
        table.mapValues((value) => value.length),
        (value, length) => `${value} ${length}`,
      )
      .as(text)
      .groupBy('by-value', text, (value) => value)
      .aggregate('counts', long, {
        initial: () => 0n,
        add: (count) => count + 1n,
        subtract: (count) => (count === 1n ? null : count - 1n),
      })
      .to(counts);
  });
  driver.pipe(left, 'k', 'a');
  driver.pipe(left, 'k', 'bb');
  driver.restart();
  driver.pipe(left, 'k', 'ccc');
  expect(driver.rows('counts').map(({ key, row }) => [key, row.value])).toEqual([['ccc 3', 1n]]);
  driver.pipe(left, 'k', null);
  expect(driver.rows('counts')).toEqual([]);
});

test('a row that is mapped to null is none for those who look it up', () => {
  const driver = driverOf((builder) => {
    const table = builder.table(right).mapValues((value) => (value === 'hidden' ? null : value));
    builder
      .stream(left)
      .joinTable('join', table, (value, row) => `${value}-${row}`)
      .to(result);
  });
  driver.pipe(right, 'k', 'hidden');
  driver.pipe(left, 'k', 'a');
  driver.pipe(right, 'k', 'shown');
  driver.pipe(left, 'k', 'b');
  expect(driver.read(result).map(({ value }) => value)).toEqual(['b-shown']);
});

test.each([['table first'], ['stream first']])('an event meets its own row, written with the %s', (order) => {
  const driver = driverOf((builder) => {
    if (order === 'table first') builder.table(left);
    const stream = builder.stream(left);
    stream.joinTable('join', builder.table(left), (value, row) => `${value}-${row}`).to(result);
  });
  driver.pipe(left, 'k', 'a');
  driver.pipe(left, 'k', 'b');
  expect(driver.read(result).map(({ value }) => value)).toEqual(['a-a', 'b-b']);
});

test('the counts of a topic by key', () => {
  const driver = driverOf((builder) => builder.stream(left).count('count').to(counts));
  driver.pipe(left, 'k', 'a', { timestamp: 9 });
  driver.pipe(left, 'k', 'b', { timestamp: 4 });
  expect(plain(driver.read(counts))).toEqual([
    ['k', 1n, 9],
    ['k', 2n, 9],
  ]);
  expect(keyOf(counts)).toEqual({ avro: 'string' });
});
