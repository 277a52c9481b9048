import type {
  Assignment,
  ConsumerRecord,
  GroupListener,
  Kafka,
  ProducerRecord,
} from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { orderFor } from '../../../infra/process/failure.ts';
import { connect, unique } from './kafka-client.ts';

/** A member of a group that copies records to the same partition of another topic, exactly once. */
export interface Copier {
  /** Resolves when it holds this many partitions. */
  untilAssigned(count: number): Promise<void>;
  untilLost(): Promise<void>;
  /** Stops heartbeats, and the work at the next point between sending records and sending offsets. */
  freeze(): void;
  untilFrozen(): Promise<void>;
  thaw(): void;
  /** Ends the loop and leaves the group. */
  leave(): Promise<void>;
}

export async function startCopier(
  input: string,
  output: string,
  group: { readonly groupId: string; readonly sessionTimeoutMs: number },
): Promise<Copier> {
  const gate = createGate();
  const kafka = await connect(gate.clock);
  const held = createCondition(0);
  const lost = createCondition(0);
  const fetcher = kafka.openFetcher();
  let producer = await kafka.openProducer(unique('tx'));
  let assignment: Assignment = new Map();
  async function startFromCommitted(): Promise<void> {
    const partitions = [...assignment].flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    const offsets = await kafka.committedOffsets(group.groupId, partitions);
    fetcher.assign(partitions.map((partition, index) => ({ ...partition, offset: offsets[index] ?? 0 })));
    held.set(partitions.length);
  }
  const listener: GroupListener = {
    async onAssigned(assigned) {
      assignment = assigned;
      await startFromCommitted();
    },
    async onRevoked() {
      assignment = new Map();
      await startFromCommitted();
    },
    async onLost() {
      assignment = new Map();
      await startFromCommitted();
      lost.set(lost.value() + 1);
    },
  };
  const member = await kafka.joinGroup({ ...group, topics: [[input]], strategy: 'co-partitioned', listener });

  async function copyOnce(): Promise<void> {
    await member.checkpoint();
    const batches = await fetcher.poll(50);
    if (batches.length === 0) return;
    const { metadata } = member;
    producer.begin();
    await producer.send(batches.flatMap(({ records }) => records.map((record) => copied(record, output))));
    await gate.pass();
    await producer.sendOffsets(
      metadata,
      batches.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: nextOffset })),
    );
    await producer.commit();
  }

  const stop = new AbortController();
  const running = (async () => {
    while (!stop.signal.aborted)
      try {
        await copyOnce();
      } catch (error) {
        const order = orderFor(error);
        if (order !== 'restart' && order !== 'fenced') throw error;
        // Its transaction may have timed out while it slept, which looks like a newer owner; the id is its alone.
        producer = await renew(kafka, producer);
        await startFromCommitted();
      }
  })();

  return {
    untilAssigned: (count) => held.until((value) => value === count),
    untilLost: () => lost.until((value) => value > 0),
    freeze: () => gate.close(),
    untilFrozen: gate.reached,
    thaw: () => gate.open(),
    async leave() {
      stop.abort();
      await running;
      await member[Symbol.asyncDispose]();
      await fetcher[Symbol.asyncDispose]();
      await producer[Symbol.asyncDispose]();
      await kafka[Symbol.asyncDispose]();
    },
  };
}

async function renew(kafka: Kafka, producer: AsyncDisposable): ReturnType<Kafka['openProducer']> {
  await producer[Symbol.asyncDispose]();
  return kafka.openProducer(unique('tx'));
}

interface Condition {
  value(): number;
  set(value: number): void;
  until(holds: (value: number) => boolean): Promise<void>;
}

function createCondition(initial: number): Condition {
  let current = initial;
  const waiting = new Set<() => void>();
  return {
    value: () => current,
    set(value) {
      current = value;
      for (const wake of waiting) wake();
    },
    until: (holds) =>
      new Promise((resolve) => {
        const wake = (): void => {
          if (!holds(current)) return;
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
        wake();
      }),
  };
}

/** A place to stop at, and a clock whose periodic timers stand still while the gate is closed. */
function createGate() {
  let closed = false;
  const arrivals = createCondition(0);
  const opened = createCondition(0);
  const clock: Clock = {
    ...systemClock,
    every: (ms, tick) =>
      systemClock.every(ms, () => {
        if (!closed) tick();
      }),
  };
  return {
    clock,
    close() {
      closed = true;
    },
    open() {
      closed = false;
      opened.set(opened.value() + 1);
    },
    reached: () => arrivals.until((value) => value > 0),
    async pass(): Promise<void> {
      if (!closed) return;
      const before = opened.value();
      arrivals.set(arrivals.value() + 1);
      await opened.until((value) => value > before);
    },
  };
}

const copied = (
  { partition, timestamp, key, value, headers }: ConsumerRecord,
  topic: string,
): ProducerRecord => ({
  topic,
  partition,
  timestamp,
  key,
  value,
  headers,
});
