import { expect, test } from 'vitest';
import { silentLog } from '../../../../infra/process/log.ts';
import { bodySerdes } from '../../../../processors/engine/body-serdes.ts';
import { applicationNames } from '../../../../processors/engine/runtime/application-names.ts';
import { inputTopics } from '../../../../processors/engine/runtime/input-topics.ts';
import type { SchemaRegistry } from '../../../../schemas/serde/schema-registry.ts';
import { denormalised } from '../orders-with-customers.ts';

test('what the tables of a foreign-key join tell each other is taken in order of commit, as their rows are', () => {
  const topology = denormalised('inner');
  const registry = {} as SchemaRegistry;
  const names = applicationNames('p', topology.name);
  const inputs = inputTopics(topology, topology.plan.nodes, names, registry, bodySerdes(registry), silentLog);
  expect(inputs.map(({ topic, isTable }) => [topic, isTable])).toEqual([
    ['p-inner-named-orders-by-name-repartition', true],
    ['p-inner-named-orders-with-customer-response-repartition', true],
    ['p-inner-named-orders-with-customer-subscription-repartition', true],
    ['p.public.customers', true],
    ['p.public.orders', true],
  ]);
});
