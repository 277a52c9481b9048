import { isUtf8 } from 'node:buffer';
import { TOMBSTONE_HEADERS } from '../../../schemas/change-event.ts';
import { STREAM_CONFIG } from '../../../schemas/topic.ts';
import type { Header, ProducerRecord, TopicSpec } from '../../kafka/port.ts';
import { maskedText } from './column-mask.ts';
import type { TableColumn, TableSchema } from '../shapes/table-schema.ts';
import { type TransactionHead, identityHeaders } from '../changes/transaction-head.ts';
import { CELL, type Tuple } from '../changes/tuple.ts';

/** A change that has no record of its own. */
export interface BadRow {
  /** As `__op`; `d` for a deletion, whose row is its old key. */
  readonly op: 'c' | 'u' | 'd' | 'r';
  readonly schema: TableSchema;
  /** Where its record would have gone. */
  readonly topic: string;
  /** Its framed key, null where that is what cannot be encoded. */
  readonly key: Buffer | null;
  readonly source: Buffer;
  readonly row: Tuple;
  readonly head: TransactionHead;
  readonly seq: number;
}

/** Why, in words that hold no value of the row. */
export interface BadRowReason {
  /** As Kafka Connect names it. */
  readonly stage: 'KEY_CONVERTER' | 'VALUE_CONVERTER' | 'KAFKA_PRODUCE';
  readonly code: string;
  readonly message: string;
}

/** A letter's value is never larger, so that the broker takes it whatever the row. Topics take 1 MiB unless told otherwise. */
const LETTER_BYTES_MAX = 512 * 1024;
/** In JSON a byte of text takes six at most. */
const ESCAPED_BYTES = 6;

/** `<prefix>.dlq`: one partition, since letters keep the order of the WAL. */
export function deadLetterTopic(prefix: string): TopicSpec {
  // It may hold the only copy that Kafka has of a change: it goes when somebody deletes it.
  return { name: `${prefix}.dlq`, partitions: 1, config: { ...STREAM_CONFIG, 'retention.ms': '-1' } };
}

/**
 * The letter: why in Kafka Connect's headers, where in ours, and the row as JSON with the texts of its columns as
 * Postgres printed them, after the policies of the columns. It needs neither registry nor codec.
 */
export function deadLetter(
  topic: string,
  connector: string,
  bad: BadRow,
  reason: BadRowReason,
): ProducerRecord {
  return {
    topic,
    partition: 0,
    timestamp: bad.head.timestamp,
    key: bad.key,
    value: letterValue(bad),
    headers: letterHeaders(connector, bad, reason),
  };
}

function letterHeaders(connector: string, bad: BadRow, reason: BadRowReason): Header[] {
  const texts: readonly [string, string][] = [
    ['__connect.errors.topic', bad.topic],
    ['__connect.errors.connector.name', connector],
    ['__connect.errors.task.id', '0'],
    ['__connect.errors.stage', reason.stage],
    ['__connect.errors.class.name', 'RowEncoder'],
    ['__connect.errors.exception.class.name', reason.code],
    ['__connect.errors.exception.message', reason.message],
    ['__table', `${bad.schema.schema}.${bad.schema.table}`],
    [TOMBSTONE_HEADERS.op, bad.op],
  ];
  const named = texts.map(([key, text]) => ({ key, value: Buffer.from(text) }));
  return [...named, ...identityHeaders(bad.head, bad.seq)];
}

/** The columns of a row in a letter. */
interface Letter {
  readonly schema: string;
  readonly table: string;
  readonly op: string;
  readonly columns: Record<string, string | null>;
  /** Columns whose out-of-line value was not sent. */
  readonly unchanged: string[];
  /** Columns whose text is not UTF-8, and is given in base64. */
  readonly base64: string[];
  /** Columns whose text is given in part, and the bytes that the whole has. */
  readonly cut: Record<string, number>;
}

function letterValue(bad: BadRow): Buffer {
  // Long texts are halved until the letter fits: what is cut first is what is long.
  for (let textBytesMax = LETTER_BYTES_MAX; ; textBytesMax = Math.floor(textBytesMax / 2)) {
    const value = Buffer.from(JSON.stringify(letterOf(bad, textBytesMax)));
    if (value.length <= LETTER_BYTES_MAX || textBytesMax < ESCAPED_BYTES) return value;
  }
}

function letterOf(bad: BadRow, textBytesMax: number): Letter {
  const { schema, table, columns } = bad.schema;
  const letter: Letter = { schema, table, op: bad.op, columns: {}, unchanged: [], base64: [], cut: {} };
  for (let i = 0; i < columns.length && i < bad.row.count; i++) {
    const column = columns[i] as TableColumn;
    if (column.treatment !== 'exclude') addColumn(letter, column, bad, i, textBytesMax);
  }
  return letter;
}

function addColumn(letter: Letter, column: TableColumn, bad: BadRow, i: number, textBytesMax: number): void {
  const { field, treatment } = column;
  const { source, row } = bad;
  const start = row.starts[i] as number;
  const end = row.ends[i] as number;
  if (row.kinds[i] === CELL.unchanged || row.kinds[i] === CELL.filled) letter.unchanged.push(field);
  else if (row.kinds[i] === CELL.null) letter.columns[field] = null;
  else if (treatment !== null && treatment !== 'exclude')
    addText(letter, field, Buffer.from(maskedText(treatment, source, start, end)), textBytesMax);
  else addText(letter, field, source.subarray(start, end), textBytesMax);
}

function addText(letter: Letter, field: string, text: Buffer, textBytesMax: number): void {
  const part = text.subarray(0, wholeCharacters(text, textBytesMax));
  if (part.length < text.length) letter.cut[field] = text.length;
  if (isUtf8(part)) letter.columns[field] = part.toString('utf8');
  else {
    letter.base64.push(field);
    letter.columns[field] = part.toString('base64');
  }
}

/** As many bytes up to `bytesMax` as do not end within a character. */
function wholeCharacters(text: Buffer, bytesMax: number): number {
  if (text.length <= bytesMax) return text.length;
  let end = bytesMax;
  while (end > 0 && ((text[end] as number) & 0xc0) === 0x80) end--;
  return end;
}
