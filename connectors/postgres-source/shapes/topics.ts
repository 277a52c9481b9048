import { Failure } from '../../../infra/process/failure.ts';
import { cdcTopicName, progressTopicName } from '../../../schemas/change-event.ts';
import { STREAM_CONFIG, TABLE_CONFIG } from '../../../schemas/topic.ts';
import type { TopicSpec } from '../../kafka/port.ts';
import type { Relation } from '../changes/relation.ts';
import type { TableSchema } from './table-schema.ts';

/** Where the source keeps its position: compacted, one partition, key = slot name. */
export function positionTopicName(prefix: string): string {
  return `${prefix}.position`;
}

/** A topic name may hold letters, digits, `.`, `_` and `-` only. */
export function tableTopicName(prefix: string, table: Pick<Relation, 'schema' | 'table'>): string {
  const plain = (name: string): string => name.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  return cdcTopicName(prefix, plain(table.schema), plain(table.table));
}

export function bookkeepingTopics(prefix: string): TopicSpec[] {
  return [positionTopicName(prefix), progressTopicName(prefix)].map((name) => ({
    name,
    partitions: 1,
    config: TABLE_CONFIG,
  }));
}

/** The name of a later version of a table's topic: a table's own name has no dot there. */
export function versionedTopicName(topic: string, version: number): string {
  return version === 1 ? topic : `${topic}.v${version}`;
}

/**
 * Rows without a key cannot be compacted, nor can a topic whose truncates are told: Kafka refuses them there. Rows that
 * share a key must not be.
 */
export function tableTopic(
  prefix: string,
  table: TableSchema,
  partitions: number,
  version: number,
  tellsTruncates: boolean,
): TopicSpec {
  const isTable = table.keySchema !== null && table.isKeyUnique && !tellsTruncates;
  const config = isTable ? TABLE_CONFIG : STREAM_CONFIG;
  return { name: versionedTopicName(tableTopicName(prefix, table), version), partitions, config };
}

/** Topics that are not free for events, each with who has it. */
export function takenTopics(
  prefix: string,
  tables: readonly Pick<Relation, 'schema' | 'table'>[],
): Map<string, string> {
  const taken = new Map(bookkeepingTopics(prefix).map(({ name }) => [name, 'the source itself']));
  for (const table of tables)
    taken.set(tableTopicName(prefix, table), `table ${table.schema}.${table.table}`);
  return taken;
}

/** @throws Failure `source.topic_collision` when two tables would share a topic */
export function refuseCollisions(
  prefix: string,
  tables: readonly Pick<Relation, 'schema' | 'table'>[],
): void {
  const owners = new Map<string, string>();
  for (const table of tables) {
    const topic = tableTopicName(prefix, table);
    const name = `${table.schema}.${table.table}`;
    const owner = owners.get(topic);
    if (owner !== undefined)
      throw new Failure(
        'source.topic_collision',
        'stop',
        `${owner} and ${name} would both go to topic ${topic}`,
        {
          fix: 'leave one of the tables out of the publication, or rename it',
        },
      );
    owners.set(topic, name);
  }
}
