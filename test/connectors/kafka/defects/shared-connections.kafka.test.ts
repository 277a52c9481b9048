import { expect, test } from 'vitest';
import { connectKafka } from '../../../../connectors/kafka/kafka.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { connect, createTopic, disconnect, text, unique } from '../kafka-client.ts';
import { openBrokerRelay } from './broker-relay.ts';
import { stockClient, stockProducer } from './stock-kafkajs.ts';

const PRODUCERS = 20;

test('many transactional ids in one process: stock opens connections for each, ours share theirs', async () => {
  const kafka = await connect();
  const topic = await createTopic(kafka, 1);
  await using disposables = new AsyncDisposableStack();
  const stockPath = disposables.use(await openBrokerRelay());
  const client = stockClient({ brokers: [stockPath.address] });
  for (let n = 0; n < PRODUCERS; n++) {
    const producer = disposables.use(await stockProducer({ transactionalId: unique('tx') }, client));
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: [{ value: `${n}`, partition: 0 }] });
    await transaction.commit();
  }
  expect(stockPath.opened).toBeGreaterThanOrEqual(PRODUCERS);

  const ourPath = disposables.use(await openBrokerRelay());
  const brokers = [ourPath.address];
  const ours = await connectKafka({ brokers, clientId: 'kafka-test', log: silentLog, clock: systemClock });
  disposables.use(ours);
  let afterTheFirst = 0;
  for (let n = 0; n < PRODUCERS; n++) {
    const producer = disposables.use(await ours.openProducer(unique('tx')));
    producer.begin();
    await producer.send([text(topic, 0, `${n}`)]);
    await producer.commit();
    if (n === 0) afterTheFirst = ourPath.opened;
  }
  expect(ourPath.opened).toBe(afterTheFirst);
  expect(afterTheFirst).toBeLessThanOrEqual(3);
  await disconnect(kafka);
});
