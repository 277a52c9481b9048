import { type Topology, type TopologyBuilder, keyOf, topology } from '../../processors/engine/topology.ts';
import type { KStream } from '../../processors/engine/kstream.ts';
import type { WindowByOptions } from '../../processors/engine/windowed-kstream.ts';
import type { KTable } from '../../processors/engine/ktable.ts';
import type { Schema } from '../../schemas/schema.ts';
import type { Topic } from '../../schemas/topic.ts';
import { type Windowed, windowedKeySchema } from '../../processors/engine/windowed-key.ts';
import type { VectorHistory, VectorOperator, VectorWindow } from './vector.ts';

const text = { kind: 'stream', key: 'string', value: 'string', partitions: 1 } as const;
const number: Schema<number> = { avro: 'int' };
const word: Schema<string> = { avro: 'string' };
const windowedText = { ...text, key: windowedKeySchema('string', 'windows') };

export const left: Topic<string, string> = { ...text, name: 'left' };
export const right: Topic<string, string> = { ...text, name: 'right' };
export const joined: Topic<string, string> = { ...text, name: 'joined' };
export const counted: Topic<string, number> = { ...text, name: 'counted', value: number.avro };
export const longCounted: Topic<string, bigint> = { ...text, name: 'long-counted', value: 'long' };

export const windowed: Topic<Windowed<string>, string> = {
  ...windowedText,
  name: 'windowed',
  value: 'string',
};
export const windowedCounts: Topic<Windowed<string>, bigint> = {
  ...windowedText,
  name: 'windowed-counts',
  value: 'long',
};

const pair = (a: string | null, b: string | null): string => `${a}-${b}`;
const beforeBar = (value: string): string => value.slice(0, value.indexOf('|'));
const afterBar = (value: string): number => Number(value.slice(value.indexOf('|') + 1));
const sum = { initial: () => 0, add: (a: number, v: string) => a + afterBar(v) };

type Define = (builder: TopologyBuilder, operator: VectorOperator) => void;

/** How each operator of the vectors is written with the public API. */
const OPERATORS: Readonly<Record<string, Define>> = {
  'stream-stream-join': (builder, operator) => streamStream(builder, operator).to(joined),

  'stream-table-join': (builder, operator) => {
    if (operator.graceMs !== undefined) return graceJoin(builder, operator).to(joined);
    const table = tableOf(builder, right, operator.rightVersioned);
    if (operator.join === 'inner') builder.stream(left).joinTable('join', table, pair).to(joined);
    else builder.stream(left).leftJoinTable('join', table, pair).to(joined);
  },

  'stream-globaltable-join': (builder, operator) => {
    const table = builder.globalTable(right);
    const key = (value: string, own: string): string | null =>
      operator.keySelector === 'key' ? own : beforeBar(value) || null;
    if (operator.join === 'inner') builder.stream(left).joinGlobal('join', table, { key }, pair).to(joined);
    else builder.stream(left).leftJoinGlobal('join', table, { key }, pair).to(joined);
  },

  'table-table-join': (builder, operator) => tableTable(builder, operator).to(joined),

  'fk-join': (builder, operator) => {
    const table = tableOf(builder, left, operator.leftVersioned);
    const other = tableOf(builder, right, operator.rightVersioned);
    const on = { key: (value: string): string | null => beforeBar(value) || null };
    if (operator.join === 'inner') table.joinForeignKey('join', other, on, pair).to(joined);
    else table.leftJoinForeignKey('join', other, on, pair).to(joined);
  },

  'table-source': (builder, operator) => loneTable(builder, operator).to(joined),

  'table-filter': (builder, operator) =>
    loneTable(builder, operator)
      .filter((value) => !value.startsWith('x'))
      .to(joined),

  'table-aggregate': (builder, operator) =>
    loneTable(builder, operator)
      .groupBy('group', keyOf(left), beforeBar)
      .aggregate('sum', number, { ...sum, subtract: (a, v) => a - afterBar(v) })
      .to(counted),

  'stream-aggregate': (builder, { agg, suppress }) => {
    if (agg === 'count') suppressed(builder.stream(left).count('aggregate'), suppress).to(longCounted);
    else suppressed(builder.stream(left).aggregate('aggregate', word, textFold(agg)), suppress).to(joined);
  },

  'window-aggregate': windowAggregate,
};

/** `concat` joins the values, `max` keeps the larger number; nulls read as the text `null`. */
const textFold = (agg: string | undefined) => ({
  initial: () => '',
  add: (sum: string, value: string | null) => joinTexts(agg, sum, String(value)),
  merge: (older: string, newer: string) => joinTexts(agg, older, newer),
});

function joinTexts(agg: string | undefined, a: string, b: string): string {
  if (a === '') return b;
  if (agg === 'max') return Number(b) > Number(a) ? b : a;
  return `${a}+${b}`;
}

function suppressed<V>(table: KTable<string, V>, suppress: VectorOperator['suppress']): KTable<string, V> {
  return suppress === undefined ? table : table.suppress('suppress', { timeLimit: suppress.ms ?? 0 });
}

function windowAggregate(builder: TopologyBuilder, operator: VectorOperator): void {
  const { window, agg } = operator;
  if (window === undefined) throw new TypeError('a window is expected');
  const stream = builder.stream(left);
  const isCount = agg === 'count';
  const final = operator.emit === 'on-window-close';
  // Kafka Streams counts events without a value in all windows but sliding ones.
  const nullValues = window.type === 'sliding' ? 'drop' : 'process';
  const options = { grace: window.graceMs, nullValues } as const;
  if (final) {
    const by = windowsOf(stream, window, { ...options, emit: 'on-close' });
    if (isCount) by.count('windows').to(windowedCounts);
    else by.aggregate('windows', word, textFold(agg)).to(windowed);
    return;
  }
  const by = windowsOf(stream, window, { ...options, emit: 'on-update' });
  const until = operator.suppress === undefined ? null : 'suppress';
  if (isCount) {
    const table = by.count('windows');
    (until === null ? table : table.suppressUntilWindowCloses(until)).to(windowedCounts);
  } else {
    const table = by.aggregate('windows', word, textFold(agg));
    (until === null ? table : table.suppressUntilWindowCloses(until)).to(windowed);
  }
}

function windowsOf<const O extends WindowByOptions>(
  stream: KStream<string, string>,
  { type, sizeMs = 0, advanceMs = 0, differenceMs = 0, gapMs = 0 }: VectorWindow,
  options: O,
) {
  if (type === 'session') return stream.sessions({ session: gapMs }, options);
  if (type === 'tumbling') return stream.windowedBy({ tumbling: sizeMs }, options);
  if (type === 'hopping') return stream.windowedBy({ hopping: sizeMs, advance: advanceMs }, options);
  return stream.windowedBy({ sliding: differenceMs }, options);
}

/** The topology of an operator, or null while the engine has no such operator. */
export function vectorTopology(operator: VectorOperator): Topology | null {
  const define = OPERATORS[operator.kind];
  if (define === undefined) return null;
  return topology('vector', (builder) => define(builder, operator));
}

function streamStream(builder: TopologyBuilder, operator: VectorOperator): KStream<string, string> {
  const { beforeMs: before = 0, afterMs: after = 0, graceMs: grace = 0 } = operator;
  const window = { within: { before, after }, grace };
  const stream = builder.stream(left);
  const other = operator.self ? stream : builder.stream(right);
  if (operator.join === 'inner') return stream.join('join', other, window, pair);
  if (operator.join === 'left') return stream.leftJoin('join', other, window, pair);
  return stream.outerJoin('join', other, window, pair);
}

function tableOf(
  builder: TopologyBuilder,
  topic: Topic<string, string>,
  versioned: VectorHistory | undefined,
): KTable<string, string> {
  if (versioned === undefined) return builder.table(topic);
  return builder.table(topic, { history: versioned.historyRetentionMs });
}

function loneTable(builder: TopologyBuilder, operator: VectorOperator): KTable<string, string> {
  return tableOf(builder, left, operator.leftVersioned ?? operator.rightVersioned);
}

function graceJoin(builder: TopologyBuilder, operator: VectorOperator): KStream<string, string> {
  const { graceMs: grace = 0, rightVersioned, join } = operator;
  const table = builder.table(right, { history: rightVersioned?.historyRetentionMs ?? grace });
  if (join === 'inner') return builder.stream(left).joinTable('join', table, { grace }, pair);
  return builder.stream(left).leftJoinTable('join', table, { grace }, pair);
}

function tableTable(builder: TopologyBuilder, operator: VectorOperator): KTable<string, string> {
  const table = tableOf(builder, left, operator.leftVersioned);
  const other = tableOf(builder, right, operator.rightVersioned);
  if (operator.join === 'inner') return table.join('join', other, pair);
  if (operator.join === 'left') return table.leftJoin('join', other, pair);
  return table.outerJoin('join', other, pair);
}
