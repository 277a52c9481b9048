import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GroupMetadata, Kafka } from '../../../../connectors/kafka/port.ts';
import {
  connect,
  createTopic,
  disconnect,
  joinAlone,
  readCommitted,
  text,
  textOf,
  unique,
} from '../kafka-client.ts';
import { stockAdmin, stockProducer } from './stock-kafkajs.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

const offsetsOf = (topic: string, offset: number, consumerGroupId: string) => ({
  consumerGroupId,
  topics: [{ topic, partitions: [{ partition: 0, offset: `${offset}` }] }],
});

/** A group whose partition has gone from one member to the next: who it belonged to, and who it belongs to now. */
async function handOver(topic: string) {
  const groupId = unique('group');
  const first = await joinAlone(kafka, groupId, topic);
  const zombie = first.metadata;
  await first[Symbol.asyncDispose]();
  const owner = await joinAlone(kafka, groupId, topic);
  return { zombie, owner };
}

test('a member of an old generation commits offsets in a transaction: stock takes the group back, ours is refused', async () => {
  const topic = await createTopic(kafka, 1);
  const { zombie, owner } = await handOver(topic);
  const { groupId } = zombie;
  await using _member = owner;
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.sendOffsets(owner.metadata, [{ topic, partition: 0, offset: 10 }]);
  await producer.commit();

  const stale: readonly (readonly [GroupMetadata, string])[] = [
    [zombie, 'kafka.unknown_member_id'],
    [{ ...owner.metadata, generationId: owner.metadata.generationId - 1 }, 'kafka.illegal_generation'],
    [{ ...owner.metadata, generationId: owner.metadata.generationId + 1 }, 'kafka.illegal_generation'],
  ];
  // A producer of the zombie's own, so that no epoch stands in its way.
  await using ours = await kafka.openProducer(unique('tx'));
  for (const [group, code] of stale) {
    ours.begin();
    const refused = ours.sendOffsets(group, [{ topic, partition: 0, offset: 3 }]);
    await expect(refused).rejects.toMatchObject({ code, order: 'restart' });
    await ours.abort();
  }
  expect(await kafka.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([10]);

  await using stock = await stockProducer({ transactionalId: unique('tx') });
  const transaction = await stock.transaction();
  await transaction.sendOffsets(offsetsOf(topic, 3, groupId));
  await transaction.commit();
  expect(await kafka.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([3]);
});

test('offsets are read while a transaction is about to commit them: stock gets the old ones, ours waits for the new', async () => {
  const topic = await createTopic(kafka, 1);
  const groupId = unique('group');
  await using admin = await stockAdmin();
  await using member = await joinAlone(kafka, groupId, topic);
  await kafka.commitOffsets(member.metadata, [{ topic, partition: 0, offset: 1 }]);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.sendOffsets(member.metadata, [{ topic, partition: 0, offset: 2 }]);
  let committed = false;
  const ours = kafka
    .committedOffsets(groupId, [{ topic, partition: 0 }])
    .then(([offset]) => ({ offset, committed }));
  const [stock] = await admin.fetchOffsets({ groupId, topics: [topic] });
  expect(stock?.partitions).toMatchObject([{ partition: 0, offset: '1' }]);
  committed = true;
  await producer.commit();
  expect(await ours).toEqual({ offset: 2, committed: true });
});

test('a second owner of a transactional id connects: stock leaves the first one committing, ours fences it before it sends', async () => {
  const topic = await createTopic(kafka, 1);
  const stockId = unique('tx');
  await using stockOlder = await stockProducer({ transactionalId: stockId });
  const transaction = await stockOlder.transaction();
  await transaction.send({ topic, messages: [{ value: 'stock zombie', partition: 0 }] });
  await using _stockNewer = await stockProducer({ transactionalId: stockId });
  await transaction.commit();

  const ourId = unique('tx');
  await using older = await kafka.openProducer(ourId);
  older.begin();
  await older.send([text(topic, 0, 'our zombie')]);
  await using _newer = await kafka.openProducer(ourId);
  await expect(older.commit()).rejects.toMatchObject({ order: 'fenced' });
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf)).toEqual(['stock zombie']);
});

test('a member that has lost its partition starts again: stock takes the transactional id from the owner, ours disturbs nobody', async () => {
  const [input, output] = [await createTopic(kafka, 1), await createTopic(kafka, 1)];
  const { zombie, owner: member } = await handOver(input);
  await using _member = member;

  // Without generations an id for each partition is the only fence, and the last to come has it.
  const stockId = unique('tx');
  await using stockOwner = await stockProducer({ transactionalId: stockId });
  const owned = await stockOwner.transaction();
  await owned.send({ topic: output, messages: [{ value: 'stock owner', partition: 0 }] });
  await using stockZombie = await stockProducer({ transactionalId: stockId });
  await stockZombie.transaction();
  await expect(owned.commit()).rejects.toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' });

  // With generations each process has an id of its own.
  await using owner = await kafka.openProducer(unique('tx'));
  owner.begin();
  await owner.send([text(output, 0, 'our owner')]);
  await using restarted = await kafka.openProducer(unique('tx'));
  restarted.begin();
  await restarted.send([text(output, 0, 'our zombie')]);
  const refused = restarted.sendOffsets(zombie, [{ topic: input, partition: 0, offset: 3 }]);
  await expect(refused).rejects.toMatchObject({ code: 'kafka.unknown_member_id' });
  await restarted.abort();
  await owner.sendOffsets(member.metadata, [{ topic: input, partition: 0, offset: 10 }]);
  await owner.commit();
  expect((await readCommitted(kafka, [{ topic: output, partition: 0 }])).map(textOf)).toEqual(['our owner']);
});
