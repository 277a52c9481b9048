import type { Kafka } from '../../../connectors/kafka/port.ts';
import type { DatabaseSession } from '../source/database-session.ts';
import { TABLES } from './sink-tables.ts';

/** A partition that the tables do not have all of. */
interface Behind {
  /** For a person. */
  readonly where: string;
  /** Offsets, those of control records too. */
  readonly records: number;
}

/** How far the stored offsets are from the ends of the topics. */
export async function offsetsBehind(
  kafka: Kafka,
  session: DatabaseSession,
  sink: string,
): Promise<readonly Behind[]> {
  const all = TABLES.flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
  const ends = await kafka.listOffsets(all, 'high-watermark');
  const rows = await session.sql(
    `SELECT topic || '/' || partition, next_offset FROM millrace.sink_offsets WHERE sink = '${sink}'`,
  );
  const stored = new Map(rows.map(([name, offset]) => [name, Number(offset)]));
  return all.flatMap(({ topic, partition }, i) => {
    const name = `${topic}/${partition}`;
    const at = stored.get(name) ?? 0;
    const end = ends[i] ?? 0;
    return at >= end ? [] : [{ where: `${name} at ${at} of ${end}`, records: end - at }];
  });
}
