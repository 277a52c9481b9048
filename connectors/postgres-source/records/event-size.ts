import type { Header } from '../../kafka/port.ts';
import type { EventTopic } from '../events/event-topics.ts';
import type { OutboxEvent } from '../events/outbox-event.ts';

/** What a record costs beside its bytes: the batch's header, lengths, schema ids. */
const OVERHEAD_BYTES_MAX = 256;
/** Of a header beside its bytes. */
const HEADER_OVERHEAD_BYTES_MAX = 10;
/** What is kept of the payload of an event that is too large: topics take 1 MiB unless told otherwise. */
const KEPT_BYTES_MAX = 512 * 1024;

/** Why the topic cannot take the event, null when it can. */
export function sizeDefect(to: EventTopic, event: OutboxEvent, headers: readonly Header[]): string | null {
  let bytes = (event.aggregateId?.length ?? 0) + (event.payload?.length ?? 0) + OVERHEAD_BYTES_MAX;
  for (const { key, value } of headers)
    bytes += key.length + (value?.length ?? 0) + HEADER_OVERHEAD_BYTES_MAX;
  if (bytes <= to.recordBytesMax) return null;
  return `an event of ${bytes} bytes is larger than the ${to.recordBytesMax} that topic ${to.topic} takes`;
}

/** The event with the beginning of its payload. */
export function cutEvent(event: OutboxEvent): OutboxEvent {
  return { ...event, payload: event.payload?.subarray(0, KEPT_BYTES_MAX) ?? null };
}
