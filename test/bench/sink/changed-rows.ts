import type { Client } from 'pg';
import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type { ProducerRecord } from '../../../connectors/kafka/port.ts';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { TABLE_CONFIG } from '../../../schemas/topic.ts';
import type { BenchDatabase } from '../source/bench-database.ts';
import type { BenchPlace } from '../source/bench-place.ts';

/** Coprime to the numbers of rows that one would ask for, so that keys come in an order that no index likes. */
const STEP = 7_919;
const PAGE_ROWS = 20_000;
/** How finely progress is seen: milestones of each partition. */
const MILESTONES = 128;

/** The columns without the key, as every writer names them. */
export const VALUE_COLUMNS = ['customer', 'amount', 'created_at', 'paid', 'details', 'quantity'] as const;

const ROW = `'customer-' || lpad((i * 7919 % 100000)::text, 6, '0') || left('-of-some-length', (i % 15)::int) AS customer,
  ((i * 104729 % 10000000) / 100.0)::numeric(12,2) AS amount,
  timestamptz '2026-01-01 00:00:00.123456+00' + i * interval '1.000137 seconds' AS created_at, i % 3 = 0 AS paid,
  format('{"sku": "SKU-%s", "warehouse": "%s", "gift": %s, "weight": %s, "note": "leave at the door"}',
    i * 31 % 100000, 'north-' || i % 7, (i % 5 = 0)::text, (i % 997) / 10.0)::jsonb AS details, (i % 50)::int4 AS quantity`;

const KEY: AvroRecord = {
  type: 'record',
  name: 'Key',
  namespace: 'bench',
  fields: [{ name: 'id', type: 'long' }],
};

/** Also as Kafka Connect and Debezium name these types, so that one topic is read by all. */
const VALUE: AvroRecord = {
  type: 'record',
  name: 'Value',
  namespace: 'bench',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'customer', type: ['null', 'string'], default: null },
    {
      name: 'amount',
      type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 }],
      default: null,
    },
    {
      name: 'created_at',
      type: [
        'null',
        {
          type: 'long',
          logicalType: 'timestamp-micros',
          ...({ 'connect.name': 'io.debezium.time.MicroTimestamp', 'connect.version': 1 } as object),
        },
      ],
      default: null,
    },
    { name: 'paid', type: ['null', 'boolean'], default: null },
    {
      name: 'details',
      type: ['null', { type: 'string', 'connect.name': 'io.debezium.data.Json', 'connect.version': 1 }],
      default: null,
      'pg.type': 'jsonb',
    },
    { name: 'quantity', type: ['null', 'int'], default: null },
  ],
};

/** A row that the target did not have, and how many records of its partition there are up to its own. */
export interface Milestone {
  readonly id: string;
  readonly rows: number;
}

/** Rows that wait: in the table `changes`, numbered from 1, and as Avro records in a topic. Half of them are updates. */
export interface ChangedRows {
  readonly rows: number;
  readonly topic: string;
  /** By partition, in the order of its records. */
  readonly milestones: readonly (readonly Milestone[])[];
}

/** Makes the rows in the database and writes them to the topic `<database>.orders`, in the same order. */
export async function writeChanges(
  place: BenchPlace,
  { name, client }: BenchDatabase,
  rows: number,
  partitions: number,
): Promise<ChangedRows> {
  await client.query(
    `
    CREATE UNLOGGED TABLE changes AS
      SELECT n, 1 + (n * ${STEP} % ${rows})::int8 AS id, ${ROW} FROM generate_series(1::int8, ${rows}) AS n, LATERAL (SELECT n AS i) AS v;
    ALTER TABLE changes ADD PRIMARY KEY (n);
    CREATE UNLOGGED TABLE before AS
      SELECT i AS id, ${ROW} FROM generate_series(1::int8, ${rows >> 1}) AS i;
    VACUUM ANALYZE changes`.replace('VACUUM ANALYZE changes', ''),
  );
  await client.query('VACUUM ANALYZE changes');
  const topic = `${name}.orders`;
  await place.kafka.ensureTopics([{ name: topic, partitions, config: TABLE_CONFIG }]);
  const registry = connectRegistry({ url: place.stack.registryUrl, clientId: 'bench-sink' });
  const keys = await AvroSerde.writer<unknown>(registry, `${topic}-key`, KEY);
  const values = await AvroSerde.writer<unknown>(registry, `${topic}-value`, VALUE);
  const counts = Array.from({ length: partitions }, () => 0);
  const marks: Milestone[][] = counts.map(() => []);
  const spacing = Math.max(1, Math.floor(rows / partitions / MILESTONES));
  await using producer = await place.kafka.openIdempotentProducer();
  for (let first = 1; first <= rows; first += PAGE_ROWS) {
    const records: ProducerRecord[] = [];
    for (const row of await page(client, first)) {
      const id = BigInt(row[0]);
      const partition = partitionFor(keys.encodeBody({ id }), partitions);
      const own = (counts[partition] = (counts[partition] ?? 0) + 1);
      const last = marks[partition]?.at(-1)?.rows ?? 0;
      if (Number(id) > rows >> 1 && own >= last + spacing) marks[partition]?.push({ id: row[0], rows: own });
      records.push({
        topic,
        partition,
        timestamp: Date.now(),
        key: keys.encode({ id }),
        value: values.encode(valueOf(id, row)),
      });
    }
    await producer.send(records);
  }
  return { rows, topic, milestones: marks };
}

type Row = readonly [
  id: string,
  customer: string,
  cents: string,
  micros: string,
  paid: boolean,
  details: string,
  quantity: number,
];

async function page(client: Client, first: number): Promise<readonly Row[]> {
  const { rows } = await client.query<Row & unknown[]>({
    text: `SELECT id::text, customer, (amount * 100)::int8::text, (extract(epoch FROM created_at) * 1000000)::int8::text, paid,
      details::text, quantity FROM changes WHERE n >= $1 AND n < $1 + ${PAGE_ROWS} ORDER BY n`,
    values: [first],
    rowMode: 'array',
  });
  return rows;
}

function valueOf(id: bigint, [, customer, cents, micros, paid, details, quantity]: Row): object {
  const amount = { unscaled: BigInt(cents), scale: 2 };
  return { id, customer, amount, created_at: BigInt(micros), paid, details, quantity };
}
