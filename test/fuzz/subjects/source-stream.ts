import { decodeBackfill } from '../../../connectors/postgres-source/copies/backfill-request.ts';
import { PgoutputReader } from '../../../connectors/postgres-source/changes/pgoutput.ts';
import { Tuple, readDataRow } from '../../../connectors/postgres-source/changes/tuple.ts';
import { outboxMessage } from '../../../connectors/postgres-source/events/outbox-message.ts';
import { BACKEND, backendError } from '../../../connectors/postgres-source/wire/backend-message.ts';
import { WireFramer } from '../../../connectors/postgres-source/wire/wire-framer.ts';
import { type FuzzSubject, Unkept } from '../subject.ts';

/** A transaction of PostgreSQL 18.4, message by message. */
const MESSAGES = [
  '420000000001be5a28000303d2f46d99b200000302',
  '5900004006006e756d6572696300',
  '52000040077075626c69630074006400040169640000000014ffffffff004772c3b6c39f650000004006ffffffff006269670000000019ffffffff006e0000000017ffffffff',
  '55000040074e00047400000001317400000004322e353075740000000135',
  '55000040074b00047400000001316e6e6e4e00047400000001327400000004322e353075740000000135',
  '44000040074b00047400000001326e6e6e',
  '490000400f4e0002740000000137740000000161',
  '550000400f4f00027400000001377400000001614e0002740000000137740000000162',
  '4d010000000001be43587072650000000004626f6479',
  '540000000200000040070000400f',
  '4f000000000001be436f726967696e00',
  '43000000000001be5a280000000001be5cc8000303d2f46d99b2',
].map((hex) => Buffer.from(hex, 'hex'));

/** A backend message around a body. */
function framed(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const DATA_ROW = Buffer.from('0003000000013100000002abcdffffffff', 'hex');
const ERROR = Buffer.from('SERROR\0C42P01\0Mno such table\0Ddetail\0\0', 'latin1');

const OUTBOX = {
  columns: {
    id: 'id',
    aggregateType: 'aggregatetype',
    aggregateId: 'aggregateid',
    type: 'type',
    payload: 'payload',
  },
  headers: [{ column: 'tenant', header: 'tenant' }],
};

function readMessage(reader: PgoutputReader, bytes: Buffer): void {
  reader.read(bytes, 0, bytes.length);
  for (const tuple of [reader.oldTuple, reader.newTuple]) readTexts(bytes, tuple);
}

function readTexts(bytes: Buffer, tuple: Tuple): void {
  for (let column = 0; column < tuple.count; column++)
    bytes.toString('utf8', tuple.starts[column], tuple.ends[column]);
}

/** The messages behind it are read whatever the first one says: none may be taken for a part of it. */
function readBeforeNeighbour(bytes: Buffer): void {
  const neighbour = MESSAGES[3] as Buffer;
  const segment = Buffer.concat([bytes, neighbour]);
  const reader = new PgoutputReader();
  reader.read(segment, 0, bytes.length);
  const ends = [reader.oldTuple, reader.newTuple].flatMap((tuple) => [
    ...tuple.ends.subarray(0, tuple.count),
  ]);
  if (Math.max(0, reader.contentEnd, ...ends) > bytes.length)
    throw new Unkept('a message reaches into the one behind it');
}

function cutStream(bytes: Buffer): void {
  const framer = new WireFramer((segment, start, end) => {
    if (segment[start] === BACKEND.error) backendError(segment, start, end);
  });
  // In chunks of growing size, as a socket gives them.
  for (let at = 0, size = 1; at < bytes.length; at += size, size = size * 2 + 1) {
    const segment = framer.push(bytes.subarray(at, at + size));
    if (segment !== null) framer.giveBack(segment);
  }
}

export const SOURCE_SUBJECTS: readonly FuzzSubject[] = [
  {
    name: 'pgoutput',
    samples: MESSAGES,
    run(bytes) {
      readMessage(new PgoutputReader(), bytes);
      readBeforeNeighbour(bytes);
    },
  },
  {
    name: 'backend-messages',
    samples: [
      Buffer.concat([framed(BACKEND.error, ERROR), framed(BACKEND.dataRow, DATA_ROW)]),
      Buffer.concat(MESSAGES.map((message) => framed(BACKEND.copyData, message))),
    ],
    run: cutStream,
  },
  {
    name: 'error-response',
    samples: [framed(BACKEND.error, ERROR)],
    run: (bytes) => backendError(bytes, 0, bytes.length),
  },
  {
    name: 'data-row',
    samples: [DATA_ROW],
    run(bytes) {
      const tuple = new Tuple();
      readDataRow(bytes, 0, tuple, bytes.length);
      readTexts(bytes, tuple);
    },
  },
  {
    name: 'outbox-message',
    samples: [
      '{"id":"e1","aggregatetype":"order","aggregateid":"7","type":"placed","payload":{"a":[1,{"b":"\\"}"}]},"tenant":null}',
      '{"aggregatetype":"order","aggregateid":123456789012345678901,"payload":"text"}',
    ].map((text) => Buffer.from(text)),
    run: (bytes) => outboxMessage(bytes, OUTBOX),
  },
  {
    name: 'backfill-request',
    samples: [
      Buffer.from(`{"action":"copy","oid":16384,"where":"id > 5","signature":"${'0a'.repeat(32)}"}`),
      Buffer.from('{"oid":16384,"where":null,"signature":null}'),
    ],
    run: (bytes) => decodeBackfill(bytes.toString('utf8'), 'secret'),
  },
];
