import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Kafka, ProducerRecord } from '../../../../connectors/kafka/port.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { Failure } from '../../../../infra/process/failure.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { DiskHome } from '../../../../processors/engine/state/disk-home.ts';
import { keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import { tableTopic, topicName } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const int: Schema<number> = { avro: 'int' };
const shipDates = tableTopic('ship-dates', keyOf(topics.orders), int, 2);
const shipping = topology('shipping', (builder) => {
  builder
    .table(topics.orders)
    .join('shipped', builder.table(topics.shipments), (_, { ship_date }) => ship_date ?? 0)
    .to(shipDates);
});

const PARTITIONS = 2;
const ids = Array.from({ length: 20 }, (_, i) => `o${i}`);
const orders = ids.map((order_id) => ({
  key: { order_id },
  value: { order_id, order_date: 1, customer_id: null, region: null },
}));
const shipments = (days: number) =>
  ids.map((order_id, i) => ({
    key: { order_id },
    value: { order_id, ship_date: days + i, ship_mode: null },
  }));

test(
  'at least once: what ends between results and offsets is done again, and the table is as if it had been done once',
  { timeout: 60_000 },
  async () => {
    await using rig = await PipelineRig.open();
    await rig.createTopics([topics.orders, topics.shipments] as never, PARTITIONS);
    await rig.cut();
    const inputs = [topics.orders, topics.shipments].flatMap((topic) =>
      [0, 1].map((partition) => ({ topic: topicName(rig.prefix, topic as never), partition })),
    );
    const committed = () => rig.kafka.committedOffsets(`${rig.prefix}-shipping`, inputs);

    /** What was in Kafka when a commit had come to the offsets and went no further. */
    const broken: { results: number; offsets: readonly (number | null)[] }[] = [];
    let commits = 0;
    const kafka: Kafka = {
      ...rig.kafka,
      async commitOffsets(group, offsets) {
        commits++;
        const results = (await rig.results(shipDates)).length;
        if (broken.length >= 3 || results === 0) return rig.kafka.commitOffsets(group, offsets);
        broken.push({ results, offsets: await committed() });
        throw new Failure('test.cut_off', 'restart', 'cut off before the offsets');
      },
    };
    const home = {
      path: join(rig.stateDir, 'a'),
      cleanupDelayMs: 60_000,
      clock: systemClock,
      log: silentLog,
    };
    const running = rig.start(
      shipping,
      'a',
      { processingGuarantee: 'at_least_once', openHome: () => new DiskHome(home) },
      kafka,
    );
    await rig.publish(topics.orders, orders);
    await rig.publish(topics.shipments, shipments(100));
    await until(
      () => rig.results(shipDates),
      (seen) => seen.length > ids.length,
    );
    await rig.publish(topics.shipments, shipments(200));
    const ends = await rig.kafka.listOffsets(inputs, 'high-watermark');
    await until(committed, (offsets) => offsets.every((offset, i) => (offset ?? 0) >= (ends[i] ?? 0)));
    await running.stop();

    const [first] = broken;
    expect(broken).toHaveLength(3);
    expect(first?.results).toBeGreaterThan(0);
    expect(first?.offsets).not.toEqual(ends);
    expect(commits).toBeGreaterThan(broken.length);
    const seen = await rig.results(shipDates);
    expect(Object.fromEntries(seen.map(({ key, value }) => [key.order_id, value]))).toEqual(
      Object.fromEntries(ids.map((order_id, i) => [order_id, 200 + i])),
    );
    // Twice what it takes, and more.
    expect(seen.length).toBeGreaterThan(2 * ids.length);
  },
);

test('at least once: a row that both sides of a join have lost is gone, though its end came not as far as the results', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orders, topics.shipments] as never, PARTITIONS);
  await rig.cut();
  const settings = { processingGuarantee: 'at_least_once' } as const;
  const before = rig.start(shipping, 'a', settings);
  await rig.publish(topics.orders, orders.slice(0, 1));
  await rig.publish(topics.shipments, shipments(100).slice(0, 1));
  await until(
    () => rig.results(shipDates),
    (seen) => seen.length > 0,
  );
  await before.stop();
  const gone = [{ key: { order_id: 'o0' }, value: null }];
  await rig.publish(topics.orders, gone);
  await rig.publish(topics.shipments, gone);

  /** The leaders of result partitions do not answer, once: of what is sent only changelogs arrive. */
  const cutOff: number[] = [];
  const kafka: Kafka = {
    ...rig.kafka,
    async openIdempotentProducer(options) {
      const producer = await rig.kafka.openIdempotentProducer(options);
      return {
        async send(records) {
          if (cutOff.length > 0 || !Array.isArray(records)) return producer.send(records);
          const sent = records as readonly ProducerRecord[];
          const arriving = sent.filter(({ topic }) => topic.endsWith('-changelog'));
          cutOff.push(sent.length - arriving.length);
          if (arriving.length > 0) await producer.send(arriving);
          throw new Failure('test.cut_off', 'restart', 'cut off before the results');
        },
        [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
      };
    },
  };
  rig.start(shipping, 'a', settings, kafka);
  const last = await until(
    async () => (await rig.results(shipDates)).at(-1),
    (result) => result?.value === null,
  );
  expect(last).toMatchObject({ key: { order_id: 'o0' } });
  expect(cutOff[0]).toBeGreaterThan(0);
});
