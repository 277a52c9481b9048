import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TestDriverOptions } from '../../../processors/engine/driver-dead-letters.ts';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { keyOf, topology } from '../../../processors/engine/topology.ts';
import type { Schema } from '../../../schemas/schema.ts';
import type { Topic } from '../../../schemas/topic.ts';

const base = { key: 'string', value: 'int', partitions: 1 } as const;
const events: Topic<string, number> = { ...base, kind: 'stream', name: 'events' };
const rates: Topic<string, number> = { ...base, kind: 'table', name: 'rates' };
const totals: Topic<string, number> = { ...base, kind: 'table', name: 'totals' };
const int: Schema<number> = { avro: 'int' };
const window = { type: 'record', name: 'Window', fields: ['key', 'window_start', 'window_end'] } as const;
const perWindow: Topic<{ key: string; window_start: bigint; window_end: bigint }, number> = {
  ...base,
  kind: 'table',
  name: 'per-window',
  key: {
    ...window,
    fields: window.fields.map((name) => ({ name, type: name === 'key' ? 'string' : 'long' })),
  },
};
const totalsAgain: Topic<string, bigint> = { ...base, kind: 'table', name: 'counts', value: 'long' };
const paired: Topic<string, number> = { ...base, kind: 'stream', name: 'paired' };

const POISON = 666;
const tooBad = (value: number): number => {
  if (value >= POISON) throw new RangeError(`${value} is too bad`);
  return value;
};

/** What throws comes last, behind all states and results. */
const everything = topology('everything', (builder) => {
  const one = builder.stream(events);
  const history = builder.table(rates, { history: '1s' });
  const add = (sum: number, value: number): number => sum + value;
  one
    .windowedBy({ tumbling: 10 }, { grace: 5, emit: 'on-update' })
    .aggregate('windowed', int, { initial: () => 0, add })
    .to(perWindow);
  one
    .joinTable('rated', history, (value, rate) => value * rate)
    .as(int)
    .repartition('rekeyed', keyOf(paired), (_, key) => `${key}${key}`)
    .count('rekeyed-count')
    .to(totalsAgain);
  one
    .as(int)
    .leftJoin('pairs', one.mapValues((value) => value).as(int), { within: 20, grace: 5 }, (left) => left)
    .to(paired);
  one
    .aggregate('total', int, { initial: () => 0, add })
    .mapValues(tooBad)
    .to(totals);
  history.mapValues(tooBad);
});

interface Piped {
  readonly topic: Topic<string, number>;
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
}

const piped: fc.Arbitrary<Piped> = fc.record({
  topic: fc.constantFrom(events, events, events, rates),
  key: fc.constantFrom('a', 'aa', 'b'),
  value: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.constant(POISON)),
  timestamp: fc.integer({ min: 0, max: 60 }),
});

function outcome(records: readonly Piped[], options: TestDriverOptions) {
  const driver = testDriver(everything, options);
  for (const { topic, key, value, timestamp } of records) driver.pipe(topic, key, value, { timestamp });
  const names = everything.plan.stores.map(({ name }) => name);
  return {
    results: [driver.read(totals), driver.read(perWindow), driver.read(paired), driver.read(totalsAgain)],
    entries: names.map((name) => [name, driver.entries(name)]),
    rows: driver.rows('total'),
    letters: driver.deadLetters(),
    drops: driver.dropped(),
  };
}

test('nothing remains of a record that fails: stores, clocks and results are those of a run without it', () => {
  fc.assert(
    fc.property(fc.array(piped, { maxLength: 40, size: 'max' }), (records) => {
      const all = outcome(records, { onProcessingError: 'dlq' });
      const good = outcome(
        records.filter(({ value }) => value < POISON),
        { onProcessingError: 'dlq' },
      );
      const failed = records.filter(({ value }) => value >= POISON);
      expect(all.letters.map(({ topic, key, value }) => [topic, key, value])).toEqual(
        failed.map(({ topic, key, value }) => [topic.name, key, value]),
      );
      const drops = all.drops.filter(({ reason }) => reason !== 'failed');
      expect({ ...all, letters: [], drops }).toEqual(good);
    }),
    { numRuns: 300 },
  );
});

const passedOn = topology('passed-on', (builder) => {
  const amounts = builder.stream(events);
  amounts.aggregate('total', int, { initial: () => 0, add: (sum, value) => sum + value }).to(totals);
  amounts
    .repartition('doubled', keyOf(paired), (_, key) => key)
    .mapValues(tooBad)
    .to(paired);
});

test('what fails behind a repartition is a letter there, and what was done in front of it stays', () => {
  const driver = testDriver(passedOn, { onProcessingError: 'dlq' });
  driver.pipe(events, 'a', 1, { timestamp: 5 });
  driver.pipe(events, 'a', POISON, { timestamp: 6 });
  expect(driver.deadLetters()).toMatchObject([
    { topic: 'doubled', key: 'a', value: POISON, timestamp: 6, reason: 'failed', node: null },
  ]);
  expect(driver.deadLetters()).toEqual([]);
  expect(driver.read(totals).map(({ value }) => value)).toEqual([1, 1 + POISON]);
  expect(driver.read(paired).map(({ value }) => value)).toEqual([1]);
});

test('a result that does not fit into its topic is the fault of the record that it comes from', () => {
  const fractions = topology('fractions', (builder) => {
    builder
      .stream(events)
      .mapValues((value) => value / 2)
      .to(paired);
  });
  const driver = testDriver(fractions, { onProcessingError: 'skip' });
  for (const value of [2, 3, 4]) driver.pipe(events, 'a', value);
  expect(driver.read(paired).map(({ value }) => value)).toEqual([1, 2]);
  expect(driver.dropped()).toEqual([{ node: expect.stringContaining('SOURCE') as string, reason: 'failed' }]);
  expect(driver.deadLetters()).toEqual([]);
});

test('a function that throws stops a driver that was told nothing else', () => {
  expect(() => testDriver(passedOn).pipe(events, 'a', POISON)).toThrow('the mapper of');
});

test('an event that is lost to several windows is one letter, and one that counts nowhere by intent is none', () => {
  const late = topology('late', (builder) => {
    const hopping = { hopping: 10, advance: 2 } as const;
    builder.stream(events).windowedBy(hopping, { grace: 0 }).count('counted');
  });
  const driver = testDriver(late, { droppedRecords: 'dlq' });
  driver.pipe(events, 'a', 1, { timestamp: 100 });
  driver.pipe(events, 'b', 2, { timestamp: 50 });
  driver.pipe(events, 'c', null, { timestamp: 101 });
  expect(driver.dropped().filter(({ reason }) => reason === 'late')).toHaveLength(5);
  expect(driver.deadLetters()).toEqual([
    { topic: 'events', key: 'b', value: 2, timestamp: 50, reason: 'late', node: 'counted', error: null },
  ]);
});
