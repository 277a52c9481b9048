import { expect, test } from 'vitest';
import type { LateRecord } from '../../../processors/engine/join-window.ts';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { keyOf, topology } from '../../../processors/engine/topology.ts';
import type { Schema } from '../../../schemas/schema.ts';
import type { Topic } from '../../../schemas/topic.ts';

interface Line {
  readonly group: string | null;
  readonly amount: bigint;
  readonly at: number | null;
}

const lineSchema: Schema<Line> = {
  avro: {
    type: 'record',
    name: 'Line',
    fields: [
      { name: 'group', type: ['null', 'string'] },
      { name: 'amount', type: 'long' },
      { name: 'at', type: ['null', 'int'] },
    ],
  },
};
const long: Schema<bigint> = { avro: 'long' };
const text = { kind: 'table', key: 'string', partitions: 1 } as const;
const lines: Topic<string, Line> = { ...text, name: 'lines', value: lineSchema.avro };
const names: Topic<string, string> = { ...text, name: 'names', value: 'string' };
const sums: Topic<string, bigint> = { ...text, name: 'sums', value: 'long' };
const sourceOfRight: Topic<string, string> = { ...text, name: 'right', value: 'string' };
const result: Topic<string, string> = { ...text, name: 'result', value: 'string' };

const line = (group: string | null, amount: bigint, at: number | null = null): Line => ({
  group,
  amount,
  at,
});

const summing = topology('summing', (builder) => {
  builder
    .table(lines)
    .groupBy('by-group', keyOf(names), ({ group }) => group)
    .aggregate('sum', long, {
      initial: () => 0n,
      add: (sum, { amount }) => sum + amount,
      subtract: (sum, { amount }) => (sum === amount ? null : sum - amount),
    })
    .to(sums);
});

test('an aggregate that becomes null deletes its group', () => {
  const driver = testDriver(summing);
  driver.pipe(lines, 'a', line('x', 1n));
  driver.pipe(lines, 'b', line('x', 2n));
  driver.pipe(lines, 'a', null);
  driver.pipe(lines, 'b', line('y', 2n));
  expect(driver.read(sums).map(({ key, value }) => [key, value])).toEqual([
    ['x', 1n],
    ['x', 3n],
    ['x', 2n],
    ['x', null],
    ['y', 2n],
  ]);
  expect(driver.rows('sum').map(({ key, row }) => [key, row.value])).toEqual([['y', 2n]]);
});

test('64-bit sums are exact', () => {
  const driver = testDriver(summing);
  driver.pipe(lines, 'a', line('x', 2n ** 53n));
  driver.pipe(lines, 'b', line('x', 1n));
  expect(driver.read(sums).at(-1)?.value).toBe(2n ** 53n + 1n);
});

test('a result without a key never reaches a compacted topic, and is counted', () => {
  const driver = testDriver(
    topology('keyless', (builder) => {
      const table = builder.table(names);
      builder
        .stream(names)
        .leftJoinTable('j', table, (value) => value)
        .to(result);
    }),
  );
  driver.pipe(names, null, 'nobody');
  expect(driver.read(result)).toEqual([]);
  expect(driver.dropped().at(-1)).toMatchObject({ reason: 'null_key' });
});

test('event times are whole milliseconds, also where a source takes them from fractions', () => {
  const driver = testDriver(
    topology('fractions', (builder) => {
      const stream = builder.stream(names, { time: (value) => Number(value) });
      const other = stream.filter(() => false);
      const window = { within: '1s', grace: '0s' } as const;
      stream.leftJoin('j', other, window, (left) => left).to(result);
    }),
  );
  driver.pipe(names, 'k', '10.7');
  driver.pipe(names, 'k', '5000.2');
  expect(driver.read(result)).toEqual([{ key: 'k', value: '10.7', timestamp: 10 }]);
});

test('a window that lies in the past alone joins what comes in order', () => {
  const driver = testDriver(
    topology('shifted', (builder) => {
      const window = { within: { before: '10ms', after: '-5ms' }, grace: 0 } as const;
      builder
        .stream(names)
        .join('j', builder.stream(sourceOfRight), window, (left, right) => left + right)
        .to(result);
    }),
  );
  driver.pipe(sourceOfRight, 'k', 'r', { timestamp: 92 });
  driver.pipe(names, 'k', 'l', { timestamp: 100 });
  expect(driver.read(result)).toEqual([{ key: 'k', value: 'lr', timestamp: 100 }]);
});

test('a row without a group is counted, and comes and goes without a trace', () => {
  const driver = testDriver(summing);
  driver.pipe(lines, 'a', line(null, 1n));
  driver.pipe(lines, 'a', line('x', 2n));
  driver.pipe(lines, 'a', null);
  expect(driver.read(sums).map(({ value }) => value)).toEqual([2n, null]);
  expect(driver.dropped()).toEqual([{ node: 'by-group-key', reason: 'null_key' }]);
});

test('a group survives a restart, and so does what its rows were', () => {
  const driver = testDriver(summing);
  driver.pipe(lines, 'a', line('x', 5n));
  driver.pipe(lines, 'b', line('x', 1n));
  driver.restart();
  driver.pipe(lines, 'a', line('x', 7n));
  expect(driver.read(sums).at(-1)?.value).toBe(8n);
});

test('late events are dropped, counted and shown to the hook', () => {
  const late: LateRecord[] = [];
  const driver = testDriver(
    topology('late', (builder) => {
      const stream = builder.stream(lines, { time: ({ at }) => at });
      stream
        .join(
          'pairs',
          stream,
          { within: 10, grace: 5, onLate: (record) => void late.push(record) },
          () => 'pair',
        )
        .to(result);
    }),
  );
  driver.pipe(lines, 'a', line('x', 1n, 100));
  driver.restart();
  driver.pipe(lines, 'a', line('x', 2n, 84));
  driver.pipe(lines, 'a', line('x', 3n, 85));
  expect(driver.read(result)).toHaveLength(2);
  expect(late.map(({ side, time, streamTime }) => [side, time, streamTime])).toEqual([
    ['left', 84, 100],
    ['right', 84, 100],
  ]);
  expect(driver.dropped()).toEqual([
    { node: 'pairs', reason: 'late' },
    { node: 'pairs', reason: 'late' },
  ]);
});

test('an event without an event time and a tombstone are no events, and are counted', () => {
  const driver = testDriver(
    topology('untimed', (builder) => {
      builder
        .stream(lines, { time: ({ at }) => at })
        .mapValues(({ amount }) => String(amount))
        .to(result);
    }),
  );
  driver.pipe(lines, 'a', line('x', 1n));
  driver.pipe(lines, 'a', null);
  driver.pipe(lines, 'a', line('x', 2n, 7));
  expect(driver.read(result)).toEqual([{ key: 'a', value: '2', timestamp: 7 }]);
  expect(driver.dropped().map(({ reason }) => reason)).toEqual(['no_time', 'null_value']);
});

test('a repartitioned event keeps its event time and meets the rows of its new key', () => {
  const driver = testDriver(
    topology('rekeyed', (builder) => {
      builder
        .stream(lines, { time: ({ at }) => at })
        .repartition('by-group', keyOf(names), ({ group }) => group)
        .leftJoinTable('named', builder.table(names), ({ amount }, name) => `${amount} ${name ?? 'nobody'}`)
        .to(result);
    }),
  );
  driver.pipe(names, 'x', 'Xenia');
  driver.pipe(lines, 'a', line('x', 1n, 50));
  driver.pipe(lines, 'b', line('z', 2n, 40));
  expect(driver.read(result)).toEqual([
    { key: 'x', value: '1 Xenia', timestamp: 50 },
    { key: 'z', value: '2 nobody', timestamp: 40 },
  ]);
});

test('tables that are filtered, mapped and joined again look the same from every side', () => {
  const driver = testDriver(
    topology('derived', (builder) => {
      const all = builder.table(names);
      const loud = all.filter((name) => name !== 'quiet').mapValues((name) => name.toUpperCase());
      loud
        .outerJoin('both', all, (left, right) => `${left}/${right}`)
        .leftJoin('again', loud, (pair, name) => `${pair}/${name}`)
        .to(result);
    }),
  );
  const last = (): string | null | undefined => driver.read(result).at(-1)?.value;
  driver.pipe(names, 'a', 'ann');
  expect(last()).toBe('ANN/ann/ANN');
  driver.pipe(names, 'a', 'quiet');
  expect(last()).toBe('null/quiet/null');
  driver.pipe(names, 'a', null);
  expect(last()).toBeNull();
});

test('records without a timestamp carry the time of the driver', () => {
  const driver = testDriver(topology('clocked', (builder) => builder.stream(names).to(result)));
  driver.advance('1m');
  driver.pipe(names, 'a', 'b');
  expect(driver.read(result)[0]?.timestamp).toBe(60_000);
});

test('a function that throws is named', () => {
  const driver = testDriver(
    topology('failing', (builder) => {
      builder
        .stream(names)
        .mapValues(() => {
          throw new RangeError('no');
        })
        .to(result);
    }),
  );
  expect(() => driver.pipe(names, 'a', 'b')).toThrow('the mapper of "KSTREAM-MAPVALUES-0000000001" failed');
});
