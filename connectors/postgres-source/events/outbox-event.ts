import type { Header } from '../../kafka/port.ts';

/** What was written to the outbox, before it is routed. */
export interface OutboxEvent {
  /** It is routed by this; null where it has none. */
  readonly aggregateType: string | null;
  /** UTF-8; the Kafka key. */
  readonly aggregateId: Buffer | null;
  readonly payload: Buffer | null;
  /** `id`, `eventType` and the further columns. */
  readonly headers: readonly Header[];
  /** Why it cannot be read as an event, null when it can. */
  readonly defect: string | null;
}

/** Header names, Debezium's. */
export const EVENT_HEADERS = { id: 'id', type: 'eventType' } as const;
