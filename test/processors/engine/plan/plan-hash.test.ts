import { describe, expect, test } from 'vitest';
import type { Plan } from '../../../../processors/engine/plan/plan.ts';
import { planHash } from '../../../../processors/engine/plan/plan-hash.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const text = { kind: 'table', key: 'string', value: 'string', partitions: 1 } as const;
const orders: Topic<string, string> = { ...text, name: 'orders' };
const payments: Topic<string, string> = { ...text, name: 'payments' };
const result: Topic<string, string> = { ...text, name: 'result' };
const key = keyOf(orders);
const window = { within: '1m', grace: 0 } as const;
const own = (value: string): string => value;

const planOf = (define: (builder: TopologyBuilder) => void): Plan => topology('plan', define).plan;
const joined = (builder: TopologyBuilder): void =>
  builder
    .stream(orders)
    .repartition('by-value', key, own)
    .join('paid', builder.stream(payments), window, own)
    .to(result);

test('a plan that is built again has the same hash, whatever the order of its properties', () => {
  const hash = planHash(planOf(joined));
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
  expect(planHash(planOf(joined))).toBe(hash);
  const turned = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(turned);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([name, of]) => [name, turned(of)]),
    );
  };
  expect(planHash(turned(planOf(joined)) as Plan)).toBe(hash);
});

describe('another hash', () => {
  const changes: Readonly<Record<string, (builder: TopologyBuilder) => void>> = {
    'an operator less': (builder) =>
      builder.stream(orders).join('paid', builder.stream(payments), window, own).to(result),
    'an operator of another kind': (builder) =>
      builder
        .stream(orders)
        .repartition('by-value', key, own)
        .leftJoin('paid', builder.stream(payments), window, own)
        .to(result),
    'another setting of an operator': (builder) =>
      builder
        .stream(orders)
        .repartition('by-value', key, own)
        .join('paid', builder.stream(payments), { ...window, grace: '1s' }, own)
        .to(result),
    'another step name, and so other stores and changelogs': (builder) =>
      builder
        .stream(orders)
        .repartition('by-value', key, own)
        .join('payment', builder.stream(payments), window, own)
        .to(result),
    'another repartition topic': (builder) =>
      builder
        .stream(orders)
        .repartition('by-text', key, own)
        .join('paid', builder.stream(payments), window, own)
        .to(result),
    'another number of partitions': (builder) =>
      builder
        .stream(orders)
        .repartition('by-value', key, own, 3)
        .join('paid', builder.stream(payments), window, own)
        .to(result),
    'another topic': (builder) =>
      builder
        .stream(payments)
        .repartition('by-value', key, own)
        .join('paid', builder.stream(orders), window, own)
        .to(result),
    'another schema': (builder) =>
      builder
        .stream({ ...orders, value: { type: 'string', logicalType: 'uuid' } } as Topic<string, string>)
        .repartition('by-value', key, own)
        .join('paid', builder.stream(payments), window, own)
        .to(result),
  };
  test.each(Object.keys(changes))('%s', (change) => {
    expect(planHash(planOf(changes[change]!))).not.toBe(planHash(planOf(joined)));
  });
});
