import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KStream } from '../../../processors/engine/kstream.ts';
import { type DriverRecord, testDriver } from '../../../processors/engine/test-driver.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../processors/engine/topology.ts';
import { type Windowed, windowedKeySchema } from '../../../processors/engine/windowed-key.ts';
import type { Schema } from '../../../schemas/schema.ts';
import { type Topic, tableTopic } from '../../../schemas/topic.ts';

const GRACE_MS = 20;
/** Behind every window, session and grace of the topologies below. */
const END_MS = 10_000;

const long: Schema<bigint> = { avro: 'long' };
const text: Schema<string> = { avro: 'string' };
const base = { kind: 'stream', key: 'string', value: 'long', partitions: 1 } as const;
const left: Topic<string, bigint> = { ...base, name: 'left' };
const right: Topic<string, bigint> = { ...base, name: 'right' };
const sums: Topic<string, bigint> = { ...base, name: 'sums' };
const pairs: Topic<string, string> = { ...base, name: 'pairs', value: 'string' };
const windows: Topic<Windowed<string>, bigint> = tableTopic(
  'windows',
  { avro: windowedKeySchema('string', 'windows') },
  long,
  1,
);

interface Input {
  readonly side: 'left' | 'right';
  readonly key: string;
  readonly value: bigint;
  readonly time: number;
  /** How much later than in order it comes, milliseconds. */
  readonly delay: number;
}

const inputs = fc.array(
  fc.record({
    side: fc.constantFrom('left' as const, 'right' as const),
    key: fc.constantFrom('a', 'b'),
    value: fc.bigInt({ min: -9n, max: 9n }),
    time: fc.integer({ min: 0, max: 150 }),
    // Most mistakes show at the ends.
    delay: fc.oneof(fc.constantFrom(0, GRACE_MS), fc.integer({ min: 0, max: GRACE_MS })),
  }),
  { maxLength: 60 },
) satisfies fc.Arbitrary<Input[]>;

const sum = { initial: () => 0n, add: (total: bigint, value: bigint) => total + value };
const merge = (older: bigint, newer: bigint): bigint => older + newer;
const grace = GRACE_MS;
const pair = (a: bigint | null, b: bigint | null): string => `${a}-${b}`;
/** What of a topology is drawn anew for each run, milliseconds. */
const shapes = fc
  .record({
    size: fc.integer({ min: 1, max: 40 }),
    advance: fc.integer({ min: 1, max: 40 }),
    before: fc.integer({ min: -5, max: 20 }),
    after: fc.integer({ min: 5, max: 20 }),
  })
  .map((shape) => ({ ...shape, advance: Math.min(shape.size, shape.advance) }));
type Shape = typeof shapes extends fc.Arbitrary<infer S> ? S : never;
const withinOf = ({ before, after }: Shape) => ({ within: { before, after }, grace }) as const;

type Define = (builder: TopologyBuilder, shape: Shape) => void;
const onLeft =
  (define: (stream: KStream<string, bigint>, shape: Shape) => void): Define =>
  (builder, shape) =>
    define(builder.stream(left), shape);

/** Topologies whose answers depend on what has come, not on the order in which it came. */
const ORDERLESS: Readonly<Record<string, Define>> = {
  tumbling: onLeft((stream, { size }) =>
    stream.windowedBy({ tumbling: size }, { grace }).aggregate('w', long, sum).to(windows),
  ),
  hopping: onLeft((stream, { size, advance }) =>
    stream.windowedBy({ hopping: size, advance }, { grace }).aggregate('w', long, sum).to(windows),
  ),
  sliding: onLeft((stream, { size }) =>
    stream.windowedBy({ sliding: size }, { grace }).aggregate('w', long, sum).to(windows),
  ),
  sessions: onLeft((stream, { advance }) =>
    stream
      .sessions({ session: advance }, { grace })
      .aggregate('w', long, { ...sum, merge })
      .to(windows),
  ),
  suppressed: onLeft((stream, { advance }) =>
    stream
      .sessions({ session: advance }, { grace, emit: 'on-update' })
      .aggregate('w', long, { ...sum, merge })
      .suppressUntilWindowCloses('s')
      .to(windows),
  ),
  'inner join': (builder, shape) =>
    builder.stream(left).join('j', builder.stream(right), withinOf(shape), pair).to(pairs),
  'left join': (builder, shape) =>
    builder.stream(left).leftJoin('j', builder.stream(right), withinOf(shape), pair).to(pairs),
  'outer join': (builder, shape) =>
    builder.stream(left).outerJoin('j', builder.stream(right), withinOf(shape), pair).to(pairs),
  'join, then a window': (builder, shape) =>
    builder
      .stream(left)
      .join('j', builder.stream(right), withinOf(shape), (a, b) => a * b)
      .as(long)
      .windowedBy({ tumbling: shape.size }, { grace: 100 })
      .aggregate('w', long, sum)
      .to(windows),
  'moved to another key': onLeft((stream, { size }) =>
    stream
      .repartition('by-parity', text, (value) => (value % 2n === 0n ? 'even' : 'odd'))
      .windowedBy({ tumbling: size }, { grace })
      .aggregate('w', long, sum)
      .to(windows),
  ),
};

/** Topologies of which a crash between two records must change nothing, in whatever order the records come. */
const EXACT: Readonly<Record<string, Define>> = {
  ...ORDERLESS,
  'tables joined and folded': (builder) =>
    builder
      .table(left)
      .leftJoin('j', builder.table(right), (a, b) => a * (b ?? 1n))
      .as(long)
      .groupBy('by-parity', text, (value) => (value % 2n === 0n ? 'even' : 'odd'))
      .aggregate('sums', long, { ...sum, subtract: (total, value) => total - value })
      .to(sums),
  'events with rows': (builder) =>
    builder.stream(left).leftJoinTable('j', builder.table(right), pair).to(pairs),
  'held back': onLeft((stream) =>
    stream.aggregate('total', long, sum).suppress('s', { timeLimit: 9, recordsMax: 1 }).to(sums),
  ),
  'a fold of windows': onLeft((stream, { size, advance }) =>
    stream
      .windowedBy({ hopping: size, advance }, { grace, emit: 'on-update' })
      .aggregate('w', long, sum)
      .groupBy('by-key', keyOf(left), (_, { key }) => key)
      .aggregate('sums', long, { ...sum, subtract: (total, value) => total - value })
      .to(sums),
  ),
};

const inOrder = (all: readonly Input[]): Input[] => all.toSorted((a, b) => a.time - b.time);
const late = (all: readonly Input[]): Input[] =>
  all.toSorted((a, b) => a.time + a.delay - (b.time + b.delay));

/** Everything that comes out, record by record. With `crashes` the state goes through its changelogs before each record. */
function told(define: Define, shape: Shape, all: readonly Input[], crashes = false): string[] {
  const driver = testDriver(topology('any', (builder) => define(builder, shape)));
  const topics = [sums, pairs, windows] as const;
  const reads = new Set(driver.inputs());
  const out: string[] = [];
  const line = ({ key, value, timestamp }: DriverRecord<unknown, unknown>): string =>
    JSON.stringify([key, value, timestamp], (_, part: unknown) =>
      typeof part === 'bigint' ? String(part) : part,
    );
  const end = (['left', 'right'] as const).map((side) => ({ side, key: 'end', value: 0n, time: END_MS }));
  for (const { side, key, value, time } of [...all, ...end]) {
    const topic = side === 'left' ? left : right;
    if (!reads.has(topic.name)) continue;
    if (crashes) driver.restart();
    driver.pipe(topic, key, value, { timestamp: time });
    for (const result of topics) out.push(...driver.read<unknown, unknown>(result as never).map(line));
  }
  return out;
}

test.each(Object.entries(ORDERLESS))(
  '%s: events that come out of order within grace change nothing',
  (_, define) => {
    fc.assert(
      fc.property(inputs, shapes, (all, shape) => {
        expect(told(define, shape, late(all)).toSorted()).toEqual(
          told(define, shape, inOrder(all)).toSorted(),
        );
      }),
      { numRuns: 300 },
    );
  },
);

test.each(Object.entries(EXACT))(
  '%s: the same input gives the same output, with a crash before each record too',
  (_, define) => {
    fc.assert(
      fc.property(inputs, shapes, (all, shape) => {
        const once = told(define, shape, late(all));
        expect(told(define, shape, late(all))).toEqual(once);
        expect(told(define, shape, late(all), true)).toEqual(once);
      }),
      { numRuns: 60 },
    );
  },
);
