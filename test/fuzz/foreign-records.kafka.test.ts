import { expect, test } from 'vitest';
import { readPosition } from '../../connectors/postgres-source/place/position.ts';
import { keyOf, topology } from '../../processors/engine/topology.ts';
import { progressTopicName } from '../../schemas/change-event.ts';
import type { Schema } from '../../schemas/schema.ts';
import { TABLE_CONFIG, tableTopic } from '../../schemas/topic.ts';
import { topics } from '../../schemas/topics.ts';
import { PipelineRig, until } from '../processors/engine/pipeline-rig.ts';

const long: Schema<bigint> = { avro: 'long' };
const one = { initial: () => 0n, add: (sum: bigint) => sum + 1n };
const counts = tableTopic('counts', keyOf(topics.orders), long, 1);
const counting = topology('counting', (builder) => {
  const orders = builder.stream(topics.orders);
  orders.aggregate('count', long, one).to(counts);
  orders.windowedBy({ tumbling: 1_000 }, { grace: 0 }).aggregate('each-second', long, one);
});
const order = (id: string) => ({
  key: { order_id: id },
  value: { order_id: id, order_date: 1, customer_id: null, region: null },
});

const foreign = (topic: string, key: string | Buffer, value: string) => ({
  topic,
  partition: 0,
  timestamp: Date.now(),
  key: Buffer.from(key),
  value: Buffer.from(value),
});

test("a stranger's record among the cuts holds no row up; one in a changelog ends the restore with its place", async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orders] as never, 1);
  const progress = progressTopicName(rig.prefix);
  await rig.publishRaw([foreign(progress, 'stranger', 'no cut'), foreign(progress, 'slot', '{"endLsn":7}')]);
  await rig.cut();
  const first = rig.start(counting);
  await until(
    () => Promise.resolve(first.state),
    (state) => state === null,
  );
  await rig.publishRaw([foreign(progress, Buffer.from([0, 255]), '\u0000'), foreign(progress, 'slot', '[]')]);
  await rig.publish(topics.orders, [order('o1')]);
  await until(
    () => rig.results(counts),
    (seen) => seen.length === 1,
  );
  await first.stop();

  const store = counting.plan.stores.find(({ kind }) => kind === 'window')?.name;
  const changelog = `${rig.prefix}-counting-${store}-changelog`;
  await rig.publishRaw([foreign(changelog, 'short', 'bytes')]);
  const second = rig.start(counting);
  await expect(second.ended).rejects.toMatchObject({
    code: 'engine.changelog_unreadable',
    order: 'stop',
    message: expect.stringContaining(changelog),
    fix: expect.stringContaining('reset'),
  });
});

test('a position that somebody else has written is refused by name, and never taken for none', async () => {
  await using rig = await PipelineRig.open();
  const name = `${rig.prefix}.position`;
  await rig.kafka.ensureTopics([{ name, partitions: 1, config: TABLE_CONFIG }]);
  await rig.publishRaw([foreign(name, 'slot/storage/1', 'no JSON'), foreign(name, 'slot', '{"v":1}')]);
  await expect(readPosition(rig.kafka, name, 'slot')).rejects.toMatchObject({
    code: 'source.position_unreadable',
    order: 'stop',
    message: expect.stringContaining(name),
  });
});
