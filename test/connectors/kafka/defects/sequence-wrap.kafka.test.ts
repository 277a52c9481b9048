import { expect, test } from 'vitest';
import { nextSequence } from '../../../../connectors/kafka/partition-queue.ts';
import { connect, createTopic, disconnect } from '../kafka-client.ts';
import { openStockCluster, openStockSession, produceBatch, stockSend } from './stock-cluster.ts';

/** The last sequence number is 2^31 - 1. */
const NEAR_THE_END = 2_147_483_640;

/** A broker that knows nothing of a producer id takes any first sequence number from it. */
test('sequence numbers pass 2^31: the broker refuses the next batch of stock, and takes ours', async () => {
  const kafka = await connect();
  const topic = await createTopic(kafka, 1);
  await using cluster = await openStockCluster(topic);

  const stock = await openStockSession(cluster);
  stock.getSequence(topic, 0);
  stock.updateSequence(topic, 0, NEAR_THE_END);
  const send = stockSend(cluster, stock);
  const messages = Array.from({ length: 10 }, () => ({ value: 'x', partition: 0 }));
  const batch = { acks: -1, timeout: 10_000, topicMessages: [{ topic, messages }] };
  await send(batch);
  expect(stock.getSequence(topic, 0)).toBe(0);
  await expect(send(batch)).rejects.toMatchObject({ type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });

  const session = await openStockSession(cluster);
  const identity = { producerId: session.getProducerId(), producerEpoch: session.getProducerEpoch() };
  await produceBatch(cluster, topic, 10, { ...identity, firstSequence: NEAR_THE_END });
  const ours = nextSequence(NEAR_THE_END, 10);
  expect(ours).toBe(2);
  await produceBatch(cluster, topic, 10, { ...identity, firstSequence: ours });
  expect(await kafka.listOffsets([{ topic, partition: 0 }], 'high-watermark')).toEqual([30]);
  await disconnect(kafka);
});
