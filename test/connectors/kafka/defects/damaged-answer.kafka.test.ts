import { expect, test } from 'vitest';
import { connectKafka } from '../../../../connectors/kafka/kafka.ts';
import type { Fetcher } from '../../../../connectors/kafka/port.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { connect, createTopic, disconnect, text, unique } from '../kafka-client.ts';
import { API, openBrokerRelay } from './broker-relay.ts';
import { stockClient } from './stock-kafkajs.ts';
import { openStockReader, valueOf } from './stock-reader.ts';

async function pollUntilFailure(fetcher: Fetcher): Promise<never> {
  for (;;) await fetcher.poll(1_000);
}

test('a bit of a fetched value flips on the way: stock delivers the damaged value, ours refuses the batch', async () => {
  const kafka = await connect();
  const topic = await createTopic(kafka, 1);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([{ ...text(topic, 0, 'key'), value: Buffer.from('balance 100') }]);
  await producer.commit();

  await using relay = await openBrokerRelay();
  relay.onAnswer = ({ apiKey }, answer) => {
    const at = answer.indexOf('balance 100');
    // '1' is 0x31, '9' is 0x39.
    if (apiKey === API.fetch && at >= 0) answer[at + 'balance '.length]! ^= 0x08;
    return 'pass';
  };
  const at = { topic, partition: 0, offset: 0 };
  await using stock = await openStockReader(kafka, at, stockClient({ brokers: [relay.address] }));
  await expect.poll(() => stock.seen.map(valueOf), { timeout: 10_000 }).toEqual(['balance 900']);

  const clientId = 'kafka-test';
  await using ours = await connectKafka({
    brokers: [relay.address],
    clientId,
    log: silentLog,
    clock: systemClock,
  });
  await using fetcher = ours.openFetcher();
  fetcher.assign([at]);
  await expect(pollUntilFailure(fetcher)).rejects.toMatchObject({
    code: 'kafka.corrupt_batch',
    order: 'stop',
    message: expect.stringContaining(`${topic}-0 offset 0`),
  });
  await disconnect(kafka);
});
