import { Failure } from '../../../infra/process/failure.ts';
import { TOMBSTONE_HEADERS } from '../../../schemas/change-event.ts';
import { STREAM_CONFIG } from '../../../schemas/topic.ts';
import type { Kafka, ProducerRecord, TopicSpec } from '../../kafka/port.ts';
import { readPartition } from '../place/partition-reading.ts';
import type { Relation } from '../changes/relation.ts';
import type { SchemaBook } from './schema-book.ts';
import { type ShapeFacts, factsOf, shapeChange, shapeFacts } from './schema-change.ts';
import type { SourceMetrics } from '../source-metrics.ts';
import { type TransactionHead, identityHeaders } from '../changes/transaction-head.ts';

/** `<prefix>.schema-changes`: one partition, since shapes keep the order of the WAL; never forgotten. */
export function schemaChangeTopic(prefix: string): TopicSpec {
  return {
    name: `${prefix}.schema-changes`,
    partitions: 1,
    config: { ...STREAM_CONFIG, 'retention.ms': '-1' },
  };
}

/**
 * Tells each new shape of a table once, right before its first row and in the same Kafka transaction. What was told last
 * is read from the topic itself when a session begins: it stands where the position stands, so a shape that the stream
 * announces again is known to be told.
 */
export class SchemaChangeTopic {
  readonly #topic: string;
  readonly #book: SchemaBook;
  readonly #metrics: SourceMetrics;
  readonly #told: Map<string, ShapeFacts>;

  private constructor(
    topic: string,
    book: SchemaBook,
    metrics: SourceMetrics,
    told: Map<string, ShapeFacts>,
  ) {
    this.#topic = topic;
    this.#book = book;
    this.#metrics = metrics;
    this.#told = told;
  }

  /**
   * To be called when the predecessor is fenced.
   * @throws Failure `kafka.topic_drift`, `source.schema_changes_unreadable`
   */
  static async open(
    kafka: Kafka,
    prefix: string,
    book: SchemaBook,
    metrics: SourceMetrics,
  ): Promise<SchemaChangeTopic> {
    const spec = schemaChangeTopic(prefix);
    await kafka.ensureTopics([spec]);
    const told = new Map<string, ShapeFacts>();
    await readPartition(kafka, spec.name, ({ key, value }) => {
      if (key !== null && value !== null) told.set(key.toString('utf8'), toldShape(spec.name, value));
    });
    return new SchemaChangeTopic(spec.name, book, metrics, told);
  }

  /** The record that tells the relation's shape before change `seq`; null when it was told, or is not published. */
  record(relation: Relation, head: TransactionHead, seq: number): ProducerRecord | null {
    const paused = this.#book.paused(relation.oid);
    const encoder = paused ?? this.#book.encoder(relation.oid) ?? null;
    if (encoder === null) return null;
    const name = `${relation.schema}.${relation.table}`;
    const now = factsOf(relation, encoder, paused !== undefined);
    const change = shapeChange(this.#told.get(name) ?? null, now);
    if (change === null) return null;
    this.#told.set(name, now);
    this.#metrics.tables.changed(relation);
    const place = { lsn: fact(head, TOMBSTONE_HEADERS.lsn), seq };
    const value = { ...place, commitTs: fact(head, TOMBSTONE_HEADERS.commitTs), ...change, ...now };
    return {
      topic: this.#topic,
      partition: 0,
      timestamp: head.timestamp,
      key: Buffer.from(name),
      value: Buffer.from(JSON.stringify(value)),
      headers: [...identityHeaders(head, seq)],
    };
  }
}

function toldShape(topic: string, value: Buffer): ShapeFacts {
  try {
    return shapeFacts.parse(JSON.parse(value.toString('utf8')));
  } catch (error) {
    throw new Failure(
      'source.schema_changes_unreadable',
      'stop',
      `a record of ${topic} is no schema change`,
      {
        cause: error,
        fix: 'nobody else may write there: delete the topic, and the present shapes are told anew',
      },
    );
  }
}

function fact(head: TransactionHead, name: string): string {
  return String(head.identityHeaders.find(({ key }) => key === name)?.value ?? '0');
}
