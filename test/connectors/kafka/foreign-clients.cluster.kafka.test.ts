import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Cluster } from '../../../connectors/kafka/cluster.ts';
import { COMPRESSIONS, decompress } from '../../../connectors/kafka/compression.ts';
import { Connections } from '../../../connectors/kafka/connections.ts';
import { fetchRequest } from '../../../connectors/kafka/fetch-request.ts';
import { loadKafkajs } from '../../../connectors/kafka/kafkajs-internals.ts';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { ProducerRecord, TopicPartition } from '../../../connectors/kafka/port.ts';
import { AT, readInt64 } from '../../../connectors/kafka/record-batch-layout.ts';
import { appendRecords, readBatches } from '../../../connectors/kafka/record-batch.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { javaConsume } from '../../support/java-tools.ts';
import { useKafkaCluster } from '../../support/kafka-cluster.ts';
import { hasKcat, kcatConsume } from '../../support/kcat.ts';
import { encodeBatch } from './encoded-batch.ts';

const cluster = useKafkaCluster();

const connect = () =>
  connectKafka({
    brokers: cluster().brokers.split(','),
    clientId: 'foreign',
    log: silentLog,
    clock: systemClock,
  });

const TIMESTAMP = 1_790_000_000_000;
const letters = (length: number): string => randomBytes(length).toString('base64url').slice(0, length);

/** Small and large, empty and null, near and far in time; text, since that is what the foreign tools print. */
const recordsOf = (topic: string, codec: string): readonly ProducerRecord[] =>
  [
    ['k', 'v'],
    [null, 'no key'],
    ['tombstone', null],
    ['empty', ''],
    ['long', letters(70_000)],
    ['same', 'again and again '.repeat(5_000)],
  ].map(([key, value], index) => ({
    topic,
    partition: index % 2,
    timestamp: TIMESTAMP + index * (index % 2 === 0 ? 1 : -86_400_000),
    key: typeof key === 'string' ? Buffer.from(`${codec} ${key}`) : null,
    value: typeof value === 'string' ? Buffer.from(value) : null,
    headers: index === 0 ? [{ key: 'trace', value: Buffer.from('abc') }] : [],
  }));

const told = (records: readonly ProducerRecord[]) =>
  records.map(({ partition, timestamp, key, value, headers = [] }) => ({
    partition,
    timestamp,
    key: key?.toString() ?? null,
    value: value?.toString() ?? null,
    headers: headers.map((header) => `${header.key}=${header.value?.toString()}`).join(','),
  }));

type Told = ReturnType<typeof told>[number];
const sorted = (records: readonly Told[]) =>
  records.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

test('the Java console consumer and kcat read what is written in every codec, and nothing of an aborted transaction', async () => {
  await using kafka = await connect();
  const topic = 'written-here';
  // Its records carry old timestamps, which retention would take for old records.
  await kafka.ensureTopics([{ name: topic, partitions: 2, config: { 'retention.ms': '-1' } }]);
  const written: ProducerRecord[] = [];
  for (const compression of COMPRESSIONS) {
    await using plain = await kafka.openIdempotentProducer({ compression });
    await using transactional = await kafka.openProducer(`tx-${compression}`, { compression });
    const records = recordsOf(topic, compression);
    await plain.send(records);
    transactional.begin();
    await transactional.send(recordsOf(topic, `aborted ${compression}`));
    await transactional.abort();
    transactional.begin();
    await transactional.send(recordsOf(topic, `committed ${compression}`));
    await transactional.commit();
    written.push(...records, ...recordsOf(topic, `committed ${compression}`));
  }
  const expected = sorted(told(written).map((one) => ({ ...one, value: lengthOf(one.value) })));
  const byJava = await javaConsume(cluster(), topic);
  expect(sorted(byJava.map(withoutOffset))).toEqual(
    // An absent header is no text to Java's tool either.
    expected.map((one) => ({ ...one, headers: one.headers.replace('=', ':') })),
  );
  if (hasKcat())
    expect(sorted((await kcatConsume(cluster().brokers, topic)).map(withoutOffset))).toEqual(expected);
});

/** Long values are random: what counts is that they came whole. */
const lengthOf = (value: string | null): string | null =>
  value !== null && value.length > 1_000 ? `${value.length} letters` : value;

const withoutOffset = ({ partition, timestamp, key, value, headers }: Told) => ({
  partition,
  timestamp,
  key,
  value: lengthOf(value),
  headers,
});

test.each(COMPRESSIONS)(
  'a batch is what Java writes for the same records, byte for byte: %s',
  async (codec) => {
    await using kafka = await connect();
    const topic = `written-by-java-${codec}`;
    await kafka.ensureTopics([{ name: topic, partitions: 1, config: {} }]);
    const lines = [
      'trace:abc,other:x\tk1\tv1',
      'trace:\tNULL\tno key',
      'NULL\tk3\tNULL',
      `NULL\tk4\t${letters(300)}`,
      `NULL\t${letters(100)}\t`,
    ];
    await cluster().runTool(
      'org.apache.kafka.tools.ConsoleProducer',
      [
        '--topic',
        topic,
        '--compression-codec',
        codec,
        '--command-property',
        'linger.ms=500',
        ...['parse.key=true', 'parse.headers=true', 'null.marker=NULL'].flatMap((property) => [
          '--reader-property',
          property,
        ]),
      ],
      lines.map((line) => `${line}\n`).join(''),
    );
    const source = { topic, partition: 0 };
    const [java] = [...readBatches(await rawRecords(source), source)];
    expect(java!.count).toBe(lines.length);
    const read: ProducerRecord[] = [];
    appendRecords(java!, source, 0, read as Parameters<typeof appendRecords>[3]);
    const session = {
      producerId: java!.producerId,
      producerEpoch: java!.bytes.readInt16BE(AT.producerEpoch),
      transactional: false,
    };
    const ours = encodeBatch(read, session, java!.bytes.readInt32BE(AT.baseSequence));
    // Compressed bytes depend on the library's version; what they hold, and the header, do not.
    const records = decompress(codec, java!.bytes.subarray(AT.records), topic);
    expect(ours.subarray(AT.records).equals(records)).toBe(true);
    expect(headerOf(ours)).toEqual(headerOf(java!.bytes));
    if (codec === 'none') expect(ours.subarray(AT.crc).equals(java!.bytes.subarray(AT.crc))).toBe(true);
    // Our own compression of them is again what every client reads: see the test above.
    const again = encodeBatch(read, session, 0, codec);
    expect(again.readInt16BE(AT.attributes)).toBe(java!.bytes.readInt16BE(AT.attributes));
  },
);

/** Attributes aside from the codec, deltas, times, producer, sequence and count; not what the broker and the codec decide. */
const headerOf = (batch: Buffer) => ({
  magic: batch[AT.magic],
  attributes: batch.readInt16BE(AT.attributes) & ~7,
  lastOffsetDelta: batch.readInt32BE(AT.lastOffsetDelta),
  baseTimestamp: readInt64(batch, AT.baseTimestamp),
  maxTimestamp: readInt64(batch, AT.maxTimestamp),
  producer: batch.subarray(AT.producerId, AT.records).toString('hex'),
});

/** The record set of a partition as its leader stores it. */
async function rawRecords(source: TopicPartition): Promise<Buffer> {
  const context = {
    log: silentLog,
    clock: systemClock,
    random: Math.random,
    clientId: 'raw',
    kafkajs: loadKafkajs(),
  };
  await using connections = new Connections(context);
  const metadata = new Cluster(context, connections, cluster().brokers.split(','));
  await metadata.refresh([source.topic]);
  const leader = metadata.address(metadata.leader(source.topic, source.partition)!);
  const limits = { maxWaitMs: 500, bytesMax: 1_000_000, partitionBytesMax: 1_000_000 };
  const [fetched] = await connections.send(leader, fetchRequest([{ ...source, position: 0 }], limits));
  return fetched!.recordSet;
}
