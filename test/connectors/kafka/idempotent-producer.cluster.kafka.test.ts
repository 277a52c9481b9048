import { expect, test } from 'vitest';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Producer } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { useKafkaCluster } from '../../support/kafka-cluster.ts';
import { javaConsume } from '../../support/java-tools.ts';
import { hasKcat, kcatConsume } from '../../support/kcat.ts';
import { describePartitions, moveLeader, untilInSync } from '../../support/partition-leaders.ts';

const cluster = useKafkaCluster();

const TOPIC = 'moving';
const PARTITIONS = 3;
const BATCH = 20;

/** Sends numbered records, several sends at a time, until told to stop; resolves with how many were acknowledged. */
function startSending(producer: Producer): { stop(): Promise<number> } {
  let next = 0;
  let running = true;
  const lane = async (): Promise<void> => {
    while (running) {
      const first = next;
      next += BATCH;
      await producer.send(
        Array.from({ length: BATCH }, (_, n) => ({
          topic: TOPIC,
          partition: (first + n) % PARTITIONS,
          timestamp: Date.now(),
          key: null,
          value: Buffer.from(`${first + n}`),
        })),
      );
    }
  };
  const lanes = Array.from({ length: 4 }, lane);
  return {
    async stop() {
      running = false;
      await Promise.all(lanes);
      return next;
    },
  };
}

test('what an idempotent producer sends is in the log once and in order, while leaders move and a broker dies', async () => {
  await using kafka = await connectKafka({
    brokers: cluster().brokers.split(','),
    clientId: 'moving',
    log: silentLog,
    clock: systemClock,
  });
  await kafka.ensureTopics([{ name: TOPIC, partitions: PARTITIONS, config: {} }]);
  await using producer = await kafka.openIdempotentProducer();
  const sending = startSending(producer);
  for (const to of [1, 2, 3]) {
    await untilInSync(cluster(), TOPIC);
    await moveLeader(cluster(), TOPIC, 0, to);
  }
  const [, second] = await describePartitions(cluster(), TOPIC);
  const node = cluster().node(second!.leader);
  await node.kill();
  await node.start();
  await untilInSync(cluster(), TOPIC);
  const count = await sending.stop();
  expect(count).toBeGreaterThan(500);
  const read = hasKcat() ? await kcatConsume(cluster().brokers, TOPIC) : await javaConsume(cluster(), TOPIC);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const numbers = read.filter((record) => record.partition === partition).map(({ value }) => Number(value));
    const sent = Array.from({ length: count }, (_, n) => n).filter((n) => n % PARTITIONS === partition);
    expect(numbers).toEqual(sent);
  }
});
