import { expect, test } from 'vitest';
import { topology } from '../../../../processors/engine/topology.ts';
import { type Windowed, windowedKeySchema } from '../../../../processors/engine/windowed-key.ts';
import type { OrderKey } from '../../../../schemas/superstore/generated.ts';
import { tableTopic } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const HOUR_MS = 3_600_000;
const START_MS = 480_000 * HOUR_MS;
const PARTITIONS = 2;

const perHour = tableTopic<Windowed<OrderKey>, bigint>(
  'per_hour',
  { avro: windowedKeySchema(topics.orders.key, 'per-hour') },
  { avro: 'long' },
  PARTITIONS,
);

/** Orders and hours, by the time of commit. */
const counting = topology('per-hour', (builder) => {
  builder.stream(topics.orders).windowedBy({ tumbling: '1h' }, { grace: '5m' }).count('per-hour').to(perHour);
});

const order = (order_id: string, timestamp: number) => ({
  key: { order_id },
  value: { order_id, order_date: 17_000, customer_id: null, region: null },
  timestamp,
});

test('the windows of a partition that nothing comes to close by the progress of the source, once, over a restart', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orders] as never, PARTITIONS);
  await rig.cut();
  const ids = Array.from({ length: 8 }, (_, i) => `o${i}`);
  await rig.publish(
    topics.orders,
    ids.map((id, i) => order(id, START_MS + i)),
  );
  const pipeline = rig.start(counting);
  const committed = () =>
    rig.kafka.committedOffsets(
      `${rig.prefix}-per-hour`,
      [0, 1].map((partition) => ({ topic: `${rig.prefix}.public.orders`, partition })),
    );
  await until(committed, (offsets) => offsets.every((offset) => (offset ?? 0) > 0));
  expect(await rig.results(perHour)).toEqual([]);
  // One commit, on one partition, after the hour and its grace.
  await rig.publish(topics.orders, [order('later', START_MS + 2 * HOUR_MS)]);
  await rig.cut([topics.orders] as never, START_MS + 2 * HOUR_MS);
  const counts = () => rig.results(perHour);
  const results = await until(counts, (all) => all.length >= ids.length);
  expect(results.map(({ key, value }) => `${key.order_id} ${key.window_end} ${value}`).toSorted()).toEqual(
    ids.map((id) => `${id} ${START_MS + HOUR_MS} 1`),
  );
  await pipeline.stop();
  const again = rig.start(counting);
  await rig.publish(topics.orders, [order('last', START_MS + 4 * HOUR_MS)]);
  await rig.cut([topics.orders] as never, START_MS + 4 * HOUR_MS);
  const all = await until(counts, (told) => told.length > ids.length);
  expect(all.map(({ key }) => key.order_id).toSorted()).toEqual(['later', ...ids].toSorted());
  await again.stop();
});
