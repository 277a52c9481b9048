import type { Kafka, TransactionalProducer } from '../../../connectors/kafka/port.ts';

/** Kafka as it is, except that nothing is written: producers throw away what they are given. */
export function discardingKafka(kafka: Kafka, onRecords: (count: number) => void): Kafka {
  const producer: TransactionalProducer = {
    begin: () => undefined,
    async send(records) {
      onRecords(records.length);
      return [];
    },
    sendOffsets: async () => undefined,
    commit: async () => undefined,
    abort: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return {
    ...kafka,
    openProducer: async () => producer,
    // Whoever opened it may use it again.
    [Symbol.asyncDispose]: async () => undefined,
  };
}
