import { describe, expect, test } from 'vitest';
import { planDiff } from '../../../../processors/engine/plan/plan-diff.ts';
import type { Verdict } from '../../../../processors/engine/plan/plan-difference.ts';
import { planDiffText } from '../../../../processors/engine/plan/plan-diff-text.ts';
import { planHash } from '../../../../processors/engine/plan/plan-hash.ts';
import { parsePlanRecord, planRecord } from '../../../../processors/engine/plan/plan-record.ts';
import { applicationNames } from '../../../../processors/engine/runtime/application-names.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { AvroSchema } from '../../../../schemas/avro-schema.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';

type Define = (builder: TopologyBuilder) => void;

const text = { kind: 'table', key: 'string', value: 'string', partitions: 2 } as const;
const orders: Topic<string, string> = { ...text, name: 'orders' };
const payments: Topic<string, string> = { ...text, name: 'payments' };
const names: Topic<string, string> = { ...text, name: 'names' };
const result: Topic<string, string> = { ...text, name: 'result' };
const other: Topic<string, string> = { ...text, name: 'other' };
const string: Schema<string> = { avro: 'string' };
const own = (value: string): string => value;
const both = { key: own } as const;
const fold = { initial: String, add: own } as const;
const foldTable = { ...fold, subtract: own } as const;
const grace = { grace: 0 } as const;
const minute = { within: '1m', grace: 0 } as const;

const recordOf = (define: Define, name = 'app') =>
  planRecord(topology(name, define).plan, { repartitions: new Map() });
const row = (...fields: readonly AvroSchema[]): AvroSchema => ({
  type: 'record',
  name: 'Row',
  fields: fields.map((type, index) => ({ name: `f${index}`, type })),
});
const typed = (value: AvroSchema): Schema<string> => ({ avro: value });

const counted: Define = (b) => b.stream(orders).aggregate('last', string, fold).to(result);
const summed: Define = (b) =>
  b.table(orders).groupBy('by', keyOf(names), own).aggregate('sum', string, foldTable).to(result);
const joined: Define = (b) => b.stream(orders).join('paid', b.stream(payments), minute, own).to(result);
const moved: Define = (b) =>
  b.stream(orders).repartition('by', keyOf(names), own).aggregate('last', string, fold).to(result);
const looked: Define = (b) => b.stream(orders).joinTable('named', b.table(names), own).to(result);
const perMinute: Define = (b) =>
  void b.stream(orders).windowedBy({ tumbling: '1m' }, grace).aggregate('w', string, fold);

const foreign =
  (other: AvroSchema): Define =>
  (b) =>
    b
      .table(orders)
      .joinForeignKey('f', b.table(names).mapValues(own).as(typed(other)), both, own)
      .to(result);
const renamed = { ...(row('int') as object), name: 'Other' } as AvroSchema;

const cases: readonly (readonly [string, Verdict, Define, Define])[] = [
  ['nothing', 'rolling', summed, summed],
  [
    'a filter of events added',
    'rolling',
    counted,
    (b) => b.stream(orders).filter(Boolean).aggregate('last', string, fold).to(result),
  ],
  [
    'a filter of events removed',
    'rolling',
    (b) => b.stream(orders).filter(Boolean).aggregate('last', string, fold).to(result),
    counted,
  ],
  [
    'another result topic',
    'rolling',
    counted,
    (b) => b.stream(orders).aggregate('last', string, fold).to(other),
  ],
  [
    'a join with a global table added',
    'rolling',
    joined,
    (b) =>
      b
        .stream(orders)
        .join('paid', b.stream(payments), minute, own)
        .joinGlobal('g', b.globalTable(names), { key: own }, own)
        .to(result),
  ],
  [
    'an inner join with a table made a left one',
    'rolling',
    looked,
    (b) =>
      b
        .stream(orders)
        .leftJoinTable('named', b.table(names), (value) => value)
        .to(result),
  ],
  [
    'an event without value that counts',
    'rolling',
    perMinute,
    (b) =>
      void b
        .stream(orders)
        .windowedBy({ tumbling: '1m' }, { grace: 0, nullValues: 'process' })
        .aggregate('w', string, fold as never),
  ],
  [
    'docs and names of a stored record',
    'rolling',
    (b) => void b.stream(orders).aggregate('last', typed(row('int')), fold),
    (b) =>
      void b
        .stream(orders)
        .aggregate('last', typed({ ...(row('int') as object), name: 'Other', doc: 'x' } as AvroSchema), fold),
  ],
  [
    'a step for events added',
    'restart',
    counted,
    (b) => {
      const s = b.stream(orders);
      s.aggregate('last', string, fold).to(result);
      s.count('n');
    },
  ],
  [
    'a step for events renamed',
    'restart',
    counted,
    (b) => b.stream(orders).aggregate('newest', string, fold).to(result),
  ],
  ['a step removed', 'restart', counted, (b) => b.stream(orders).to(result)],
  ['a table joined that was not read before', 'restart', (b) => b.stream(orders).to(result), looked],
  [
    'a topic read besides',
    'restart',
    counted,
    (b) => {
      counted(b);
      b.stream(payments).to(other);
    },
  ],
  ['a repartition removed', 'restart', moved, counted],
  [
    'a table joined whose topic was read as events',
    'rebuild',
    counted,
    (b) => b.stream(orders).aggregate('last', string, fold).join('t', b.table(orders), own).to(result),
  ],
  [
    'a step of rows renamed',
    'rebuild',
    summed,
    (b) => b.table(orders).groupBy('by', keyOf(names), own).aggregate('total', string, foldTable).to(result),
  ],
  [
    'a filter of rows that are summed',
    'rebuild',
    summed,
    (b) =>
      b
        .table(orders)
        .filter(Boolean)
        .groupBy('by', keyOf(names), own)
        .aggregate('sum', string, foldTable)
        .to(result),
  ],
  [
    'the schema of a stored value',
    'rebuild',
    (b) => void b.stream(orders).aggregate('last', typed(row('int')), fold),
    (b) => void b.stream(orders).aggregate('last', typed(row('int', 'int')), fold),
  ],
  [
    'the unit of a stored time',
    'rebuild',
    (b) =>
      void b.stream(orders).aggregate('last', typed({ type: 'long', logicalType: 'timestamp-millis' }), fold),
    (b) =>
      void b.stream(orders).aggregate('last', typed({ type: 'long', logicalType: 'timestamp-micros' }), fold),
  ],
  [
    'the size of a window',
    'rebuild',
    perMinute,
    (b) => void b.stream(orders).windowedBy({ tumbling: '2m' }, grace).aggregate('w', string, fold),
  ],
  [
    'the grace of a window',
    'rebuild',
    perMinute,
    (b) => void b.stream(orders).windowedBy({ tumbling: '1m' }, { grace: '1m' }).aggregate('w', string, fold),
  ],
  [
    'when windows are told',
    'rebuild',
    perMinute,
    (b) =>
      void b
        .stream(orders)
        .windowedBy({ tumbling: '1m' }, { grace: 0, emit: 'on-update' })
        .aggregate('w', string, fold),
  ],
  [
    'the window of a join',
    'rebuild',
    joined,
    (b) => b.stream(orders).join('paid', b.stream(payments), { within: '2m', grace: 0 }, own).to(result),
  ],
  [
    'the sides of a join',
    'rebuild',
    joined,
    (b) => b.stream(payments).join('paid', b.stream(orders), minute, own).to(result),
  ],
  [
    'the partitions of a repartition',
    'rebuild',
    moved,
    (b) =>
      b.stream(orders).repartition('by', keyOf(names), own, 3).aggregate('last', string, fold).to(result),
  ],
  ['nothing of a foreign-key join but names', 'rolling', foreign(row('int')), foreign(renamed)],
  [
    'the schema of the other rows of a foreign-key join',
    'rebuild',
    foreign(row('int')),
    foreign(row('long')),
  ],
  [
    'a stream merged in',
    'restart',
    counted,
    (b) => b.stream(orders).merge(b.stream(payments)).aggregate('last', string, fold).to(result),
  ],
  [
    'the partitions of a repartition, written out as they are',
    'restart',
    moved,
    (b) =>
      b.stream(orders).repartition('by', keyOf(names), own, 2).aggregate('last', string, fold).to(result),
  ],
  [
    'the schema of a repartition',
    'rebuild',
    moved,
    (b) =>
      b
        .stream({ ...orders, value: row('string') })
        .repartition('by', keyOf(names), own)
        .aggregate('last', string, fold)
        .to(result),
  ],
  [
    'another kind of step under the same name',
    'rebuild',
    counted,
    (b) => void b.stream(orders).windowedBy({ tumbling: '1m' }, grace).aggregate('last', string, fold),
  ],
];

describe('an upgrade that changes', () => {
  test.each(cases)('%s is %s', (what, verdict, before, after) => {
    const [old, now] = [recordOf(before), recordOf(after)];
    const settled = { by: 2 };
    const diff = planDiff({ ...old, repartitions: settled }, { ...now, repartitions: settled });
    expect({ verdict: diff.verdict, differences: diff.differences }).toMatchObject({ verdict });
    expect(diff.differences.length > 0).toBe(
      !what.startsWith('nothing') && !what.startsWith('docs') && !what.startsWith('an event'),
    );
    // Who may work side by side is known by the layout alone.
    expect(planHash(old.plan) === planHash(now.plan)).toBe(verdict === 'rolling');
  });
});

test('another pipeline is refused', () => {
  expect(planDiff(recordOf(counted), recordOf(counted, 'b')).verdict).toBe('refused');
});

test('what is fed by a step that must be rebuilt must be rebuilt too', () => {
  const chain =
    (value: AvroSchema): Define =>
    (b) =>
      b
        .stream(orders)
        .aggregate('first', typed(value), fold)
        .groupBy('by', keyOf(names), own)
        .aggregate('second', string, foldTable)
        .to(result);
  const { differences } = planDiff(recordOf(chain(row('int'))), recordOf(chain(row('long'))));
  expect(differences.filter(({ verdict }) => verdict === 'rebuild').flatMap(({ stores }) => stores)).toEqual([
    'first',
    'second',
  ]);
});

test('the text names what differs, the topics that do not fit, and the way out', () => {
  const changed: Define = (b) =>
    b
      .stream(orders)
      .aggregate('last', typed(row('int', 'long')), fold)
      .to(result);
  const before: Define = (b) =>
    b
      .stream(orders)
      .aggregate('last', typed(row('int')), fold)
      .to(result);
  const lines = planDiffText(
    planDiff(recordOf(before), recordOf(changed)),
    applicationNames('m', 'app'),
  ).split('\n');
  expect(lines).toEqual([
    'Differences:',
    '   rebuild  step last: store last holds other bytes: value has a new field f1',
    '',
    'incompatible: state does not fit',
    '   does not fit: m-app-last-changelog',
    expect.stringMatching(
      /^ {3}fix: give the changed steps new names.*group m-app and all topics m-app-\*/,
    ) as string,
    '',
  ]);
});

test('a plan is the same after it was written and read', () => {
  const record = recordOf(summed);
  expect(parsePlanRecord(JSON.stringify(record), 'x')).toEqual(record);
});

test.each([
  '',
  '{',
  '{"format":2,"plan":{},"repartitions":{}}',
  'null',
  '{"format":1,"plan":{"nodes":[]},"repartitions":{}}',
])('what is no plan is refused by its place: %s', (written) => {
  expect(() => parsePlanRecord(written, 'old.json')).toThrow(
    expect.objectContaining({ code: 'plan.unreadable', message: 'old.json is no plan of format 1' }),
  );
});
