import type { KafkaCluster } from '../../infra/local/kafka-cluster.ts';
import type { ForeignRecord } from './foreign-record.ts';

type Tools = Pick<KafkaCluster, 'runTool'>;

/** The console consumer gives up when nothing came for so long. Milliseconds. */
const NOTHING_COMES_MS = 5_000;
const FIELD = '\t';

/**
 * All that Java's read-committed console consumer sees of a topic, once nothing comes for a few seconds. Keys and values
 * must be text without tabs and line ends.
 */
export async function javaConsume(tools: Tools, topic: string): Promise<ForeignRecord[]> {
  const print = ['partition', 'offset', 'timestamp', 'headers', 'key', 'value'];
  const output = await tools.runTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
    '--topic',
    topic,
    '--from-beginning',
    '--isolation-level',
    'read_committed',
    '--timeout-ms',
    String(NOTHING_COMES_MS),
    ...print.flatMap((field) => ['--formatter-property', `print.${field}=true`]),
    '--formatter-property',
    `key.separator=${FIELD}`,
    '--formatter-property',
    'null.literal=NULL',
  ]);
  return output.split('\n').flatMap(parseLine);
}

function parseLine(line: string): ForeignRecord[] {
  const [, timestamp, partition, offset, headers = '', key = '', value = ''] =
    /^CreateTime:(\d+)\tPartition:(\d+)\tOffset:(\d+)\t([^\t]*)\t([^\t]*)\t(.*)$/.exec(line) ?? [];
  if (offset === undefined) return [];
  return [
    {
      partition: Number(partition),
      offset: Number(offset),
      timestamp: Number(timestamp),
      key: key === 'NULL' ? null : key,
      value: value === 'NULL' ? null : value,
      headers: headers === 'NO_HEADERS' ? '' : headers,
    },
  ];
}

/** Sends each `key<tab>value` with Java's console producer, acks=all. */
export async function javaProduce(
  tools: Tools,
  topic: string,
  records: readonly (readonly [key: string, value: string])[],
): Promise<void> {
  await tools.runTool(
    'org.apache.kafka.tools.ConsoleProducer',
    [
      '--topic',
      topic,
      '--command-property',
      'acks=all',
      '--reader-property',
      'parse.key=true',
      '--reader-property',
      `key.separator=${FIELD}`,
    ],
    records.map(([key, value]) => `${key}${FIELD}${value}\n`).join(''),
  );
}

/** Node id of the broker that coordinates a group, as Java's group tool names it. */
export async function groupCoordinator(tools: Tools, groupId: string): Promise<number> {
  const args = ['--describe', '--state', '--group', groupId];
  const output = await tools.runTool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', args);
  return idIn(output, /\((\d+)\)/, `the coordinator of group ${groupId}`);
}

/** Node id of the broker that coordinates a transactional id, as Java's transaction tool names it. */
export async function transactionCoordinator(tools: Tools, transactionalId: string): Promise<number> {
  const args = ['describe', '--transactional-id', transactionalId];
  const output = await tools.runTool('org.apache.kafka.tools.TransactionsCommand', args);
  return idIn(output, /\n(\d+)\s/, `the coordinator of ${transactionalId}`);
}

function idIn(output: string, pattern: RegExp, what: string): number {
  const id = pattern.exec(output)?.[1];
  if (id === undefined) throw new Error(`${what} is not in:\n${output}`);
  return Number(id);
}
