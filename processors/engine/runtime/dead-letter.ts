import type { ConsumerRecord, Header, ProducerRecord } from '../../../connectors/kafka/port.ts';
import { Failure, loggedMessage } from '../../../infra/process/failure.ts';
import type { DropReason } from '../record.ts';

/** A record that will not be processed, or not by all of its pipeline, and why. */
export interface BadRecord {
  readonly raw: ConsumerRecord;
  readonly reason: DropReason;
  /** What it could not be processed for; of one that was dropped null. */
  readonly error: unknown;
  /** The operator that dropped it; null where it came to none. */
  readonly node: string | null;
}

/** Makes a bad record's letter. @throws Failure `engine.letter_too_large` (stop) */
export type DeadLetterEncoder = (bad: BadRecord) => ProducerRecord;

/** Bytes of key, value and headers, so that record and batch stay below the 1 MiB that a batch of ours takes. */
const LETTER_BYTES_MAX = 1024 * 1024 - 1024;
/** Characters of a header's text. */
const TEXT_MAX = 4 * 1024;
const CAUSES_MAX = 5;

/**
 * A letter is the record as it was read, byte for byte: key, value, headers, timestamp. Behind its own headers stand why
 * and where in those of Kafka Streams (KIP-1034) and of Kafka Connect (KIP-298), texts all of them.
 */
export function deadLetterEncoder(
  topic: string,
  partitions: number,
  applicationId: string,
): DeadLetterEncoder {
  return (bad) => {
    const { raw } = bad;
    const { key, value, timestamp, headers } = raw;
    const why = errorHeaders(bad, applicationId);
    // Letters of one partition keep their order.
    const place = { topic, partition: raw.partition % partitions };
    const bytes = (key?.length ?? 0) + (value?.length ?? 0) + bytesOf(headers) + bytesOf(why);
    if (bytes > LETTER_BYTES_MAX) throw letterTooLarge(bad, bytes, topic);
    return { ...place, timestamp, key, value, headers: [...headers, ...why] };
  };
}

/** Where a record is, as messages name it. */
export function placeOf({ topic, partition, offset }: ConsumerRecord): string {
  return `${topic}[${partition}] offset ${offset}`;
}

function errorHeaders(bad: BadRecord, applicationId: string): Header[] {
  const { topic, partition, offset } = bad.raw;
  const { code, message, stack } = told(bad);
  const texts: readonly [string, string][] = [
    ['__streams.errors.exception', code],
    ['__streams.errors.message', message],
    ['__streams.errors.stacktrace', stack],
    ['__streams.errors.topic', topic],
    ['__streams.errors.partition', String(partition)],
    ['__streams.errors.offset', String(offset)],
    ['__connect.errors.topic', topic],
    ['__connect.errors.partition', String(partition)],
    ['__connect.errors.offset', String(offset)],
    ['__connect.errors.connector.name', applicationId],
    ['__connect.errors.stage', bad.reason === 'undecodable' ? 'VALUE_CONVERTER' : 'TRANSFORMATION'],
    ['__connect.errors.exception.class.name', code],
    ['__connect.errors.exception.message', message],
  ];
  return texts.map(([key, text]) => ({ key, value: Buffer.from(text.slice(0, TEXT_MAX)) }));
}

function told({ reason, error, node }: BadRecord): {
  readonly code: string;
  readonly message: string;
  readonly stack: string;
} {
  const causes: Error[] = [];
  // The place stands in headers of its own.
  const from = error instanceof Failure && error.code === 'engine.record_failed' ? error.cause : error;
  for (let at = from; at instanceof Error && causes.length < CAUSES_MAX; at = at.cause) causes.push(at);
  const [first] = causes;
  if (first === undefined)
    return { code: `dropped.${reason}`, message: `dropped by ${node ?? 'its source'}: ${reason}`, stack: '' };
  return {
    code: first instanceof Failure ? first.code : first.name,
    message: causes.map(loggedMessage).join(': '),
    stack: causes.at(-1)?.stack ?? '',
  };
}

function bytesOf(headers: readonly Header[]): number {
  let bytes = 0;
  for (const { key, value } of headers) bytes += Buffer.byteLength(key) + (value?.length ?? 0);
  return bytes;
}

function letterTooLarge({ raw, error }: BadRecord, bytes: number, topic: string): Failure {
  return new Failure(
    'engine.letter_too_large',
    'stop',
    `the record at ${placeOf(raw)} is bad and too large for ${topic}: ${bytes} bytes with the headers that say why, of ${LETTER_BYTES_MAX}`,
    { cause: error, fix: 'copy the record, then run once with the policy skip' },
  );
}
