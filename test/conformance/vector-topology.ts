import { type Topology, type TopologyBuilder, keyOf, topology } from '../../processors/engine/topology.ts';
import type { KStream } from '../../processors/engine/kstream.ts';
import type { KTable } from '../../processors/engine/ktable.ts';
import type { Schema } from '../../schemas/schema.ts';
import type { Topic } from '../../schemas/topic.ts';
import type { VectorOperator } from './vector.ts';

const text = { kind: 'table', key: 'string', value: 'string', partitions: 1 } as const;
const number: Schema<number> = { avro: 'int' };

export const left: Topic<string, string> = { ...text, name: 'left' };
export const right: Topic<string, string> = { ...text, name: 'right' };
export const joined: Topic<string, string> = { ...text, name: 'joined' };
export const counted: Topic<string, number> = { ...text, name: 'counted', value: number.avro };

const pair = (a: string | null, b: string | null): string => `${a}-${b}`;
const beforeBar = (value: string): string => value.slice(0, value.indexOf('|'));
const afterBar = (value: string): number => Number(value.slice(value.indexOf('|') + 1));
const sum = { initial: () => 0, add: (a: number, v: string) => a + afterBar(v) };

type Define = (builder: TopologyBuilder, operator: VectorOperator) => void;

/** How each operator of the vectors is written with the public API. */
const OPERATORS: Readonly<Record<string, Define>> = {
  'stream-stream-join': (builder, operator) => streamStream(builder, operator).to(joined),

  'stream-table-join': (builder, operator) => {
    const table = builder.table(right);
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

  'table-source': (builder) => builder.table(left).to(joined),

  'table-filter': (builder) =>
    builder
      .table(left)
      .filter((value) => !value.startsWith('x'))
      .to(joined),

  'table-aggregate': (builder) =>
    builder
      .table(left)
      .groupBy('group', keyOf(left), beforeBar)
      .aggregate('sum', number, { ...sum, subtract: (a, v) => a - afterBar(v) })
      .to(counted),

  'stream-aggregate': (builder) =>
    builder
      .stream(left)
      .aggregate('count', number, { initial: () => 0, add: (n) => n + 1 })
      .to(counted),
};

/** The topology of an operator, or null while the engine has no such operator. */
export function vectorTopology(operator: VectorOperator): Topology | null {
  const define = OPERATORS[operator.kind];
  const versioned = operator.leftVersioned !== undefined || operator.rightVersioned !== undefined;
  const buffered = operator.kind === 'stream-table-join' && operator.graceMs !== undefined;
  if (define === undefined || versioned || buffered || operator.suppress !== undefined) return null;
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

function tableTable(builder: TopologyBuilder, operator: VectorOperator): KTable<string, string> {
  const table = builder.table(left);
  const other = builder.table(right);
  if (operator.join === 'inner') return table.join('join', other, pair);
  if (operator.join === 'left') return table.leftJoin('join', other, pair);
  return table.outerJoin('join', other, pair);
}
