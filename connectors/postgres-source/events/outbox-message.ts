import type { Header } from '../../kafka/port.ts';
import { memberBytes } from './json-member.ts';
import { EVENT_HEADERS, type OutboxEvent } from './outbox-event.ts';
import type { OutboxOptions } from './outbox-options.ts';

/**
 * The content of a logical message as an event: a JSON object whose members are named as the columns of an outbox
 * table are. The payload is any JSON and goes on as it was written; null, or none, is an event without a value.
 */
export function outboxMessage(
  content: Buffer,
  options: Pick<OutboxOptions, 'columns' | 'headers'>,
): OutboxEvent {
  const members = jsonObject(content);
  if (members === null)
    return {
      aggregateType: null,
      aggregateId: null,
      payload: content,
      headers: [],
      defect: 'the message is no JSON object',
    };
  const { columns } = options;
  const text = (name: string): Buffer | null => memberText(content, members, name);
  const payload = memberBytes(content, columns.payload);
  const header = (key: string, name: string): Header => ({ key, value: text(name) });
  return {
    aggregateType: text(columns.aggregateType)?.toString('utf8') ?? null,
    aggregateId: text(columns.aggregateId),
    payload: payload === null || members[columns.payload] === null ? null : payload,
    headers: [
      header(EVENT_HEADERS.id, columns.id),
      header(EVENT_HEADERS.type, columns.type),
      ...options.headers.map(({ column, header: key }) => header(key, column)),
    ],
    defect: null,
  };
}

/** A string without its quotes, all else as it was written, which keeps large numbers exact. */
function memberText(
  content: Buffer,
  members: Readonly<Record<string, unknown>>,
  name: string,
): Buffer | null {
  const value = members[name] ?? null;
  if (value === null) return null;
  return typeof value === 'string' ? Buffer.from(value) : memberBytes(content, name);
}

function jsonObject(content: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
