import { expect, test } from 'vitest';
import { subTopologies } from '../../../../processors/engine/plan/sub-topology.ts';
import { ChangelogPositions } from '../../../../processors/engine/runtime/changelog-positions.ts';
import { topology } from '../../../../processors/engine/topology.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const text = { kind: 'table', key: 'string', value: 'string', partitions: 2 } as const;
const orders: Topic<string, string> = { ...text, name: 'orders' };
const payments: Topic<string, string> = { ...text, name: 'payments' };
const result: Topic<string, string> = { ...text, name: 'result' };

const parts = subTopologies(
  topology('plan', (builder) => {
    builder
      .table(orders)
      .join('paid', builder.table(payments), (value) => value)
      .to(result);
    builder.stream(result).to(orders);
  }).plan,
);
const changelog = (store: string): string => `${store}-changelog`;

test('the position of a task is the sum of its changelogs, and other topics do not count', () => {
  const positions = new ChangelogPositions(changelog);
  const [joining, copying] = parts;
  expect(positions.of(joining!, 1)).toEqual({ subTopology: 0, partition: 1, position: 0 });
  positions.moved([
    { topic: 'orders-changelog', partition: 1, offset: 10 },
    { topic: 'payments-changelog', partition: 1, offset: 5 },
    { topic: 'payments-changelog', partition: 0, offset: 2 },
    { topic: 'result', partition: 1, offset: 1_000 },
  ]);
  positions.moved([{ topic: 'orders-changelog', partition: 1, offset: 12 }]);
  expect(positions.of(joining!, 1)).toEqual({ subTopology: 0, partition: 1, position: 17 });
  expect(positions.of(joining!, 0)).toEqual({ subTopology: 0, partition: 0, position: 2 });
  expect(positions.of(copying!, 1)).toEqual({ subTopology: 1, partition: 1, position: 0 });
});
