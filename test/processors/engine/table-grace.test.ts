import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { topology } from '../../../processors/engine/topology.ts';
import type { Topic } from '../../../schemas/topic.ts';

const text = { kind: 'stream', key: 'string', value: 'string', partitions: 1 } as const;
const clicks: Topic<string, string> = { ...text, name: 'clicks' };
const users: Topic<string, string> = { ...text, name: 'users' };
const result: Topic<string, string> = { ...text, name: 'result' };
const pair = (click: string, user: string | null): string => `${click}-${user}`;

const waiting = (join: 'inner' | 'left') =>
  testDriver(
    topology('waiting', (builder) => {
      const table = builder.table(users, { history: 100 });
      const stream = builder.stream(clicks);
      if (join === 'inner') stream.joinTable('named', table, { grace: 10 }, pair).to(result);
      else stream.leftJoinTable('named', table, { grace: 10 }, pair).to(result);
    }),
  );
type Driver = ReturnType<typeof waiting>;

const click = (driver: Driver, key: string | null, value: string | null, timestamp: number): string[] => {
  driver.pipe(clicks, key, value, { timestamp });
  return driver.read(result).map((record) => `${record.value}@${record.timestamp}`);
};

test('an event waits for a row that is valid at its time and comes late, over a restart too', () => {
  const driver = waiting('left');
  expect(click(driver, 'u', 'a', 50)).toEqual([]);
  driver.restart();
  driver.pipe(users, 'u', 'Ada', { timestamp: 45 });
  driver.pipe(users, 'u', 'Bob', { timestamp: 51 });
  expect(click(driver, 'u', 'b', 59)).toEqual([]);
  driver.restart();
  expect(click(driver, 'u', 'c', 60)).toEqual(['a-Ada@50']);
  expect(driver.entries('named-buffer')).toBe(2);
});

test('events leave by time, then by key, then by arrival, whatever the order in which they came', () => {
  const driver = waiting('left');
  for (const [key, value, time] of [
    ['b', '3', 52],
    ['a', '2', 52],
    ['b', '4', 52],
    ['c', '1', 51],
  ] as const)
    click(driver, key, value, time);
  expect(click(driver, 'a', '5', 80)).toEqual(['1-null@51', '2-null@52', '3-null@52', '4-null@52']);
});

test('an event that is late by more than grace is joined at once, one that is late by grace too', () => {
  const driver = waiting('inner');
  driver.pipe(users, 'u', 'Ada', { timestamp: 0 });
  click(driver, 'u', 'a', 50);
  expect(click(driver, 'u', 'b', 39)).toEqual(['b-Ada@39']);
  expect(click(driver, 'u', 'c', 40)).toEqual(['c-Ada@40']);
  expect(click(driver, 'u', 'd', 41)).toEqual([]);
  expect(driver.dropped()).toEqual([]);
});

test('an event without a key meets nobody: a left join puts it out at once, an inner one drops it', () => {
  const left = waiting('left');
  expect(click(left, null, 'a', 50)).toEqual(['a-null@50']);
  const inner = waiting('inner');
  expect(click(inner, null, 'a', 50)).toEqual([]);
  expect(inner.dropped()).toEqual([{ node: 'named', reason: 'null_key' }]);
});

test('there is one clock, which records without a value or key move as well, over a restart too', () => {
  const driver = waiting('inner');
  driver.pipe(users, 'u', 'Ada', { timestamp: 0 });
  click(driver, 'u', 'a', 50);
  expect(click(driver, 'u', null, 65)).toEqual([]);
  driver.restart();
  expect(click(driver, 'u', 'b', 54)).toEqual(['a-Ada@50', 'b-Ada@54']);
  click(driver, null, 'c', 80);
  expect(click(driver, 'u', 'd', 70)).toEqual(['d-Ada@70']);
});

test('changes of the table let nobody go', () => {
  const driver = waiting('left');
  click(driver, 'u', 'a', 50);
  driver.pipe(users, 'u', 'Ada', { timestamp: 90 });
  expect(driver.read(result)).toEqual([]);
  expect(driver.entries('named-buffer')).toBe(1);
});

test('what waits, and the history that it waits for, have changelogs', () => {
  const { plan } = topology('kept', (builder) => {
    const table = builder.table(users, { history: 100 });
    builder.stream(clicks).joinTable('named', table, { grace: 10 }, pair);
  });
  expect(plan.stores.map(({ name, kind, changelog }) => [name, kind, changelog])).toEqual([
    ['users', 'key-value', true],
    ['users-history', 'window', true],
    ['named-buffer', 'window', true],
  ]);
});

test.each([
  ['longer than the history', 101],
  ['negative', -1],
])('a grace that is %s is refused', (_name, grace) => {
  const define = () =>
    topology('refused', (builder) => {
      builder.stream(clicks).joinTable(
        'named',
        builder.table(users, { history: 100 }).filter(() => true),
        { grace },
        pair,
      );
    });
  expect(define).toThrow(expect.objectContaining({ code: 'topology.bad_grace' }));
});

test('events of no known schema cannot wait', () => {
  const define = () =>
    topology('untyped', (builder) => {
      builder
        .stream(clicks)
        .mapValues((value) => value)
        .joinTable('named', builder.table(users, { history: 100 }), { grace: 100 }, pair);
    });
  expect(define).toThrow(expect.objectContaining({ code: 'topology.no_schema' }));
});
