import { committedRecords } from '../../../connectors/kafka/aborted-transactions.ts';
import { metadataRequest } from '../../../connectors/kafka/cluster.ts';
import { COMPRESSIONS, compress, decompress } from '../../../connectors/kafka/compression.ts';
import type { WireRequest } from '../../../connectors/kafka/connections.ts';
import { crc32c } from '../../../connectors/kafka/crc32c.ts';
import { deleteTopicsRequest } from '../../../connectors/kafka/deletion-admin.ts';
import { fetchRequest } from '../../../connectors/kafka/fetch-request.ts';
import { describeGroupRequest, listGroupsRequest } from '../../../connectors/kafka/group-admin.ts';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../../connectors/kafka/group-protocol.ts';
import { produceRequest } from '../../../connectors/kafka/produce-request.ts';
import { AT, LOG_OVERHEAD } from '../../../connectors/kafka/record-batch-layout.ts';
import { WireReader, WireWriter } from '../../../connectors/kafka/wire.ts';
import { encodeBatch } from '../../connectors/kafka/encoded-batch.ts';
import type { FuzzSubject } from '../subject.ts';

const SOURCE = { topic: 't', partition: 0 };
const SESSION = { producerId: 7, producerEpoch: 0, transactional: true };

const RECORDS = Array.from({ length: 5 }, (_, i) => ({
  ...SOURCE,
  timestamp: 1_700_000_000_000 + i,
  key: Buffer.from(`key ${i}`),
  value: i === 3 ? null : Buffer.from('value '.repeat(i * 4)),
  headers: [
    { key: '__lsn', value: Buffer.from('12345') },
    { key: 'none', value: null },
  ],
}));

/** Commits or aborts: the key is version and type, the value version and the coordinator's epoch. */
const MARKER = Buffer.concat([
  encodeBatch(
    [{ ...SOURCE, timestamp: 0, key: Buffer.from([0, 0, 0, 0]), value: Buffer.from([0, 0, 0, 0, 0, 1]) }],
    SESSION,
  ),
]);
MARKER.writeInt16BE(MARKER.readInt16BE(AT.attributes) | 0x20, AT.attributes);

const BATCHES = [...COMPRESSIONS.map((codec) => encodeBatch(RECORDS, SESSION, 0, codec)), signed(MARKER)];

/** With the checksum, and for most the length, that the damaged bytes should have. */
function signed(set: Buffer): Buffer {
  if (set.length < AT.records) return set;
  const bytes = Buffer.from(set);
  const length = bytes.readInt32BE(AT.length) + LOG_OVERHEAD;
  const end = length >= AT.records && length <= bytes.length ? length : bytes.length;
  if (crc32c(bytes, AT.attributes) % 4 !== 0) bytes.writeInt32BE(end - LOG_OVERHEAD, AT.length);
  bytes[AT.magic] = 2;
  bytes.writeUInt32BE(crc32c(bytes.subarray(0, end), AT.attributes), AT.crc);
  return bytes;
}

function readSet(set: Buffer): void {
  const { records } = committedRecords(set, [{ producerId: 7, firstOffset: 3 }], SOURCE, 0);
  for (const record of [...records, ...committedRecords(set, [], SOURCE, 0).records]) {
    record.key?.toString();
    record.value?.toString();
    record.headers.map(({ value }) => value?.toString());
  }
}

/** An answer as it begins: numbers, texts and arrays in the order of the request's decoder. */
function answerOf(write: (writer: WireWriter) => WireWriter): Buffer {
  return write(new WireWriter()).bytes();
}

const text = (writer: WireWriter): WireWriter => writer.string('t');

const ANSWERS: readonly (readonly [request: WireRequest<unknown>, sample: Buffer])[] = [
  [
    fetchRequest([{ ...SOURCE, position: 0 }], { maxWaitMs: 1, bytesMax: 1, partitionBytesMax: 1 }),
    answerOf((w) =>
      w
        .int32(0)
        .int16(0)
        .int32(0)
        .array([0], () =>
          text(w).array([0], () =>
            w
              .int32(0)
              .int16(0)
              .int64(9)
              .int64(9)
              .int64(0)
              .array([0], () => w.int64(7).int64(3))
              .int32(-1)
              .blob(BATCHES[0] ?? null),
          ),
        ),
    ),
  ],
  [
    metadataRequest(['t']),
    answerOf((w) =>
      w
        .int32(0)
        .array([1, 2], (id) => w.int32(id).string('host').int32(9092).string(null))
        .string('cluster')
        .int32(1)
        .array([0], () =>
          w
            .int16(0)
            .string('t')
            .bool(false)
            .array([0], () =>
              w
                .int16(0)
                .int32(0)
                .int32(1)
                .int32(0)
                .array([1], (id) => w.int32(id))
                .array([1], (id) => w.int32(id))
                .array([], () => undefined),
            ),
        ),
    ),
  ],
  [
    produceRequest(null, 1, []),
    answerOf((w) =>
      w.array([0], () => text(w).array([0], () => w.int32(0).int16(0).int64(5).int64(-1).int64(0))).int32(0),
    ),
  ],
  [
    listGroupsRequest(),
    answerOf((w) =>
      w
        .noTags()
        .int32(0)
        .int16(0)
        .compactArray([0], () =>
          w.compactString('group').compactString('consumer').compactString('Stable').noTags(),
        ),
    ),
  ],
  [
    describeGroupRequest('group'),
    answerOf((w) =>
      w.int32(0).array([0], () =>
        w
          .int16(0)
          .string('group')
          .string('Stable')
          .string('consumer')
          .string('range')
          .array([0], () =>
            w
              .string('member')
              .string(null)
              .string('client')
              .string('/127.0.0.1')
              .blob(Buffer.alloc(4))
              .blob(
                encodeAssignment({ assignment: new Map([['t', [0, 1]]]), subscribed: null, standbys: [] }),
              ),
          )
          .int32(0),
      ),
    ),
  ],
  [deleteTopicsRequest(['t']), answerOf((w) => w.int32(0).array([0], () => text(w).int16(0)))],
];

/** As its readers do: a list with holes takes its time only when somebody goes through it. */
function touch(answer: unknown): void {
  if (Array.isArray(answer)) answer.includes(-1);
  if (answer instanceof Map) for (const entry of answer.values()) touch(entry);
  else if (typeof answer === 'object' && answer !== null && !Buffer.isBuffer(answer))
    for (const member of Object.values(answer)) touch(member);
}

const answerSubjects = ANSWERS.map(([{ apiName, flexible, decode }, sample]): FuzzSubject => ({
  name: `answer-to-${apiName}`,
  samples: [sample],
  run(bytes) {
    const reader = new WireReader(bytes, `the answer to ${apiName}`);
    if (flexible) reader.skipTags();
    touch(decode(reader));
  },
}));

const packed = COMPRESSIONS.slice(1).map((codec): FuzzSubject => ({
  name: `compressed-${codec}`,
  samples: [compress(codec, Buffer.from('some text '.repeat(200))), compress(codec, Buffer.alloc(50_000))],
  run: (bytes) => decompress(codec, bytes, 'a batch'),
}));

export const KAFKA_SUBJECTS: readonly FuzzSubject[] = [
  {
    name: 'record-batches',
    samples: [...BATCHES, Buffer.concat(BATCHES.slice(0, 2))],
    mend: signed,
    run: readSet,
  },
  ...packed,
  ...answerSubjects,
  {
    name: 'group-subscription',
    samples: [
      encodeSubscription(
        {
          topics: ['a', 'b'],
          owned: new Map([['a', [0, 1]]]),
          positions: [{ subTopology: 0, partition: 1, position: 7 }],
        },
        3,
      ),
    ],
    run: decodeSubscription,
  },
  {
    name: 'group-assignment',
    samples: [
      encodeAssignment({
        assignment: new Map([['t', [0, 1]]]),
        subscribed: ['t'],
        standbys: [{ subTopology: 0, partition: 1 }],
      }),
    ],
    run: decodeAssignment,
  },
];
