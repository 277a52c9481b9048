import { foldChanges, type Change } from '../../../connectors/postgres-sink/batch.ts';
import { TopicReader } from '../../../connectors/postgres-sink/topic-reader.ts';
import { TableWriter } from '../../../connectors/postgres-sink/upsert.ts';
import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import { debeziumEnvelope } from '../../../schemas/debezium-event.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import { frame } from '../../../schemas/serde/wire-format.ts';
import { type FuzzSubject, Unkept } from '../subject.ts';
import { catalogue } from './avro.ts';

const KEY_ID = 1;
const VALUE_ID = 2;
const TOPIC = 'p.public.t';

const KEY: AvroSchema = {
  type: 'record',
  name: 'Key',
  namespace: 'p.t',
  fields: [{ name: 'id', type: 'long' }],
};

const COLUMNS: AvroRecord['fields'] = [
  { name: 'id', type: 'long', 'pg.type': 'bigint' },
  { name: 'name', type: ['null', 'string'], default: null },
  { name: 'data', type: ['null', 'bytes'], default: null },
  { name: 'day', type: ['null', { type: 'int', logicalType: 'date' }], default: null },
  { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }], default: null },
  {
    name: 'amount',
    type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 10, scale: 2 }],
    default: null,
  },
  {
    name: 'tags',
    type: ['null', { type: 'array', items: ['null', 'string'] }],
    default: null,
    'pg.type': 'text[]',
  },
  {
    name: 'more',
    type: ['null', { type: 'map', values: ['null', 'string'] }],
    default: null,
    'pg.type': 'hstore',
  },
  { name: 'scores', type: ['null', { type: 'array', items: 'float' }], default: null, 'pg.type': 'vector' },
  {
    name: 'place',
    type: [
      'null',
      {
        type: 'record',
        name: 'Geometry',
        fields: [
          { name: 'srid', type: ['null', 'int'], default: null },
          { name: 'wkb', type: 'bytes' },
        ],
      },
    ],
    default: null,
    'pg.type': 'geometry',
  },
];

const ROW: AvroRecord = {
  type: 'record',
  name: 'Value',
  namespace: 'p.t',
  fields: [...COLUMNS, ...CHANGE_EVENT_FIELDS],
};
const ENVELOPE = debeziumEnvelope('p.t', { type: 'record', name: 'Value', fields: COLUMNS });

const SOMEBODY = {
  id: 7n,
  name: 'a "name" {with} \\ all',
  data: Buffer.from('data'),
  day: 19_000,
  at: 1_700_000_000_000_000n,
  amount: { unscaled: 1250n, scale: 2 },
  tags: ['a', null, 'b,c'],
  more: { k: 'v', none: null },
  scores: [1, -0.5],
  place: { srid: 4326, wkb: Buffer.from('0101000000000000000000f03f0000000000000040', 'hex') },
};

const ENVELOPE_FACTS = { __op: 'u', __commit_ts: 5n, __lsn: 6n, __seq: 1n, __xid: 9n, __unchanged: ['name'] };

const EVENT = {
  before: null,
  after: { ...SOMEBODY, name: '__debezium_unavailable_value' },
  source: {
    version: '3',
    connector: 'postgresql',
    name: 'p',
    ts_ms: 5n,
    snapshot: null,
    db: 'd',
    sequence: null,
    ts_us: null,
    ts_ns: null,
    schema: 'public',
    table: 't',
    txId: null,
    lsn: 6n,
    xmin: null,
    origin: null,
    origin_lsn: null,
  },
  transaction: null,
  op: 'u',
  ts_ms: null,
  ts_us: null,
  ts_ns: null,
};

const HEADERS: readonly (readonly [key: string, value: string])[] = [
  ['pg.special', '{"at":"infinity","day":"-infinity"}'],
  ['__unchanged', '["name","data"]'],
];

interface Case {
  readonly reader: TopicReader;
  readonly good: Buffer;
}

async function prepared(valueSchema: AvroSchema, value: unknown): Promise<Case> {
  const registry = catalogue(
    new Map<number, AvroSchema>([
      [KEY_ID, KEY],
      [VALUE_ID, valueSchema],
    ]),
  );
  const reader = new TopicReader(TOPIC, { schema: 'public', table: 't' }, registry, true);
  const serde = AvroSerde.reader<unknown>(registry, valueSchema);
  return { reader, good: serde.encodeBody(value) };
}

const keys = AvroSerde.reader<unknown>(catalogue(new Map()), KEY);
const KEY_BODY = keys.encodeBody({ id: 7n });

const NEIGHBOURS = [1n, 9n].map((id) => frame(KEY_ID, keys.encodeBody({ id })));

function recordOf(
  offset: number,
  key: Buffer | null,
  value: Buffer | null,
  headers: readonly Buffer[] = [],
): ConsumerRecord {
  const named = headers.map((header, i) => ({ key: HEADERS[i]?.[0] ?? 'other', value: header }));
  return { topic: TOPIC, partition: 0, offset, timestamp: 5, key, value, headers: named };
}

/** Between two good ones, as a batch of the sink has it: what is bad is a dead letter, and the neighbours are written. */
async function writeBetween({ reader, good }: Case, bad: ConsumerRecord): Promise<void> {
  const [before = null, behind = null] = NEIGHBOURS;
  const records = [
    recordOf(1, before, frame(VALUE_ID, good)),
    bad,
    recordOf(3, behind, frame(VALUE_ID, good)),
  ];
  await reader.prepare(records);
  const changes: Change[] = [];
  for (const record of records) {
    try {
      changes.push(reader.decode(record));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (record !== bad) throw new Unkept(`a neighbour is lost: ${error.message}`, { cause: error });
    }
  }
  reader.readable(bad);
  if (reader.table === null) throw new Unkept('the good records make no table');
  const writer = new TableWriter(reader.table);
  for (const { rows, statement } of writer.steps(foldChanges(changes))) statement(rows);
}

const rows = await prepared(ROW, { ...SOMEBODY, ...ENVELOPE_FACTS });
const events = await prepared(ENVELOPE, EVENT);
const HEADER_SAMPLES = HEADERS.map(([, json]) => Buffer.from(json));

export const SINK_SUBJECTS: readonly FuzzSubject[] = [
  {
    name: 'row-record',
    samples: [frame(VALUE_ID, rows.good)],
    mend: (bytes) => frame(VALUE_ID, bytes.subarray(5)),
    run: (bytes) => writeBetween(rows, recordOf(2, frame(KEY_ID, KEY_BODY), bytes)),
  },
  {
    name: 'debezium-record',
    samples: [frame(VALUE_ID, events.good)],
    mend: (bytes) => frame(VALUE_ID, bytes.subarray(5)),
    run: (bytes) => writeBetween(events, recordOf(2, frame(KEY_ID, KEY_BODY), bytes)),
  },
  {
    name: 'record-key',
    samples: [frame(KEY_ID, KEY_BODY)],
    run: (bytes) => writeBetween(rows, recordOf(2, bytes, frame(VALUE_ID, rows.good))),
  },
  {
    name: 'record-headers',
    samples: HEADER_SAMPLES,
    async run(bytes) {
      for (const subject of [rows, events])
        await writeBetween(
          subject,
          recordOf(2, frame(KEY_ID, KEY_BODY), frame(VALUE_ID, subject.good), [bytes, bytes]),
        );
    },
  },
];
