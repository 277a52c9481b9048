import { randomUUID } from 'node:crypto';
import { connectKafka } from '../../connectors/kafka/kafka.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { silentLog } from '../../infra/process/log.ts';

const MEMBERS = 20;
const PARTITIONS = 20;
const SETTLE_MS = 5_000;
const NOBODY = { onAssigned: async () => {}, onRevoked: async () => {}, onLost: async () => {} };

export interface IdleFigures {
  readonly seconds: number;
  /** Part of one core, user and system. */
  readonly core: number;
}

/** What 20 group members with fetchers at the end of their partitions, and 20 producers, cost while nothing happens. */
export async function idle(brokers: string, seconds: number): Promise<IdleFigures> {
  await using kafka = await connectKafka({
    brokers: brokers.split(','),
    clientId: 'idle',
    log: silentLog,
    clock: systemClock,
  });
  await using stack = new AsyncDisposableStack();
  const topic = `idle-${randomUUID()}`;
  await kafka.ensureTopics([{ name: topic, partitions: PARTITIONS, config: {} }]);
  let polling = true;
  const loops: Promise<void>[] = [];
  for (let n = 0; n < MEMBERS; n++) {
    const producer = stack.use(await kafka.openProducer(`${topic}-${n}`));
    producer.begin();
    await producer.send([{ topic, partition: n, timestamp: Date.now(), key: null, value: Buffer.from('x') }]);
    await producer.commit();
    // Groups of their own: members of one group would first share out the partitions among themselves.
    const member = stack.use(
      await kafka.joinGroup({
        groupId: `${topic}-${n}`,
        topics: [[topic]],
        strategy: 'range',
        listener: NOBODY,
      }),
    );
    const fetcher = stack.use(kafka.openFetcher());
    await member.checkpoint();
    fetcher.assign([{ topic, partition: n, offset: 0 }]);
    const loop = async (): Promise<void> => {
      while (polling) {
        await fetcher.poll(1_000);
        await member.checkpoint();
      }
    };
    loops.push(loop());
  }
  await systemClock.sleep(SETTLE_MS);
  const before = process.cpuUsage();
  await systemClock.sleep(seconds * 1_000);
  const { user, system } = process.cpuUsage(before);
  polling = false;
  await Promise.all(loops);
  return { seconds, core: (user + system) / 1e6 / seconds };
}
