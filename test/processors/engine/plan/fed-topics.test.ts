import { expect, test } from 'vitest';
import { fedTopics } from '../../../../processors/engine/plan/fed-topics.ts';
import { applicationNames } from '../../../../processors/engine/runtime/application-names.ts';
import { ordersDenorm } from '../../../../processors/pipelines/orders-denorm.ts';

test('the topics of a foreign-key join feed each other in one direction, though its sub-topologies do in both', () => {
  const fed = fedTopics(ordersDenorm.plan, applicationNames('p', ordersDenorm.name));
  const told = fed.map(({ name, isInternal, feeders }) => [name, isInternal, [...feeders].toSorted()]);
  const [subscriptions, responses, results] = told;
  expect(told).toHaveLength(3);
  expect(subscriptions).toEqual([expect.stringContaining('-repartition'), true, ['p.public.orders']]);
  expect(responses).toEqual([
    expect.stringContaining('-repartition'),
    true,
    [subscriptions?.[0], 'p.public.customers'],
  ]);
  expect(results).toEqual(['p.orders_denorm', false, [responses?.[0], 'p.public.orders']]);
});
