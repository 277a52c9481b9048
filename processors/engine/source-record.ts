import type { Call } from './operators/operator.ts';
import type { PlanRepartition, SourceNode } from './plan/plan.ts';
import type { DropReason, StreamRecord } from './record.ts';

/** A decoded message, before anybody has asked for its event time. */
export interface Message {
  readonly key: unknown;
  readonly keyBody: Buffer | null;
  readonly value: unknown;
  /** Kafka timestamp, milliseconds: when the source committed. */
  readonly timestamp: number;
}

/**
 * The record that a source makes of a message, or the reason why it makes none. A tombstone has no value to take an
 * event time from; where event time is the Kafka timestamp it goes on, so that it moves the clocks that it reaches.
 */
export function sourceRecord(
  source: SourceNode,
  time: Call | null,
  message: Message,
): StreamRecord | DropReason {
  const { key, keyBody, value, timestamp } = message;
  const record = { key, keyBody, value, oldValue: null, commitTime: timestamp };
  if (source.operator !== 'stream-source' || time === null) return { ...record, time: timestamp };
  if (value === null) return 'null_value';
  const eventTime = time(value, key);
  if (typeof eventTime !== 'number' || !Number.isFinite(eventTime)) return 'no_time';
  // Stores keep whole milliseconds.
  return { ...record, time: Math.floor(eventTime) };
}

/** A record goes to the tables of its topic before the streams: an event meets its own row, however they were written. */
export function tablesFirst(sources: readonly SourceNode[]): SourceNode[] {
  const place = ({ operator }: SourceNode): number => (operator === 'stream-source' ? 1 : 0);
  return sources.toSorted((a, b) => place(a) - place(b));
}

/** The record that comes out of a repartition topic: event time and old value are what went in. */
export function repartitionRecord(
  form: PlanRepartition['form'],
  message: Message,
  time: number,
): StreamRecord {
  const { key, keyBody, value, timestamp } = message;
  const [oldValue, newValue] = form === 'change' ? (value as readonly [unknown, unknown]) : [null, value];
  return { key, keyBody, value: newValue, oldValue, time, commitTime: timestamp };
}
