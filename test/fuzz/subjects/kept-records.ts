import { encodePosition, decodePosition } from '../../../connectors/postgres-source/place/position.ts';
import { decodeCutOrigin, decodeProgress, encodeProgress } from '../../../schemas/progress.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import { frame } from '../../../schemas/serde/wire-format.ts';
import { ToastPlaces } from '../../../connectors/postgres-source/toast/toast-places.ts';
import { parsePlanRecord } from '../../../processors/engine/plan/plan-record.ts';
import { TaskReplica } from '../../../processors/engine/runtime/task-replica.ts';
import { memoryKeyValueStore } from '../../../processors/engine/state/memory-key-value-store.ts';
import { MemoryWindowStore } from '../../../processors/engine/state/memory-window-store.ts';
import type { StateStore } from '../../../processors/engine/state/store.ts';
import { decodeRow, encodeRow } from '../../../processors/engine/state/table-state.ts';
import { writeTime } from '../../../processors/engine/state/time-bytes.ts';
import { VersionedState } from '../../../processors/engine/state/versioned-state.ts';
import { CLOCK_KEY, windowKey } from '../../../processors/engine/state/window-key.ts';
import type { FuzzSubject } from '../subject.ts';
import { WRITER, catalogue } from './avro.ts';

const CUT = encodeProgress({
  endLsn: 2n ** 40n,
  commitTs: 1_700_000_000_000_000n,
  systemId: '7',
  offsets: { 'p.t': [3, 0] },
  incomplete: ['p.u'],
});

const POSITION = encodePosition({
  systemId: '7',
  timeline: 1,
  slot: 's',
  publicationOid: 16_400,
  endLsn: 5n,
  commitTs: 6n,
  open: { finalLsn: 9n, seq: 3, prefix: 17 },
  snapshot: 'done',
});

const serde = AvroSerde.reader<unknown>(catalogue(new Map()), WRITER);
const texts = AvroSerde.reader<unknown>(catalogue(new Map()), ['null', 'string']);
const KEY = Buffer.from('key');
const BODY = texts.encodeBody('some text');
const ROW = encodeRow(BODY, 10, 11);
const CLOCK = Buffer.alloc(8);
writeTime(CLOCK, 1_000, 0);

/** A changelog's records as one input: key and value behind their lengths of one byte each, 255 for a tombstone. */
const PAIRS = [
  [windowKey(KEY, 10, 0), ROW],
  [windowKey(KEY, 20, 1), ROW],
  [CLOCK_KEY, CLOCK],
] as const;
const CHANGELOG = Buffer.concat(PAIRS.map(([key, value]) => pair(key, value)));
const ROW_PAIR = pair(KEY, ROW);
const TOMBSTONE = 255;

function pair(key: Buffer, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([key.length]), key, Buffer.from([value.length]), value]);
}

function* pairsOf(bytes: Buffer): Generator<{ key: Buffer; value: Buffer | null }> {
  for (let at = 0; at < bytes.length;) {
    const keyEnd = at + 1 + (bytes[at] ?? 0);
    const length = bytes[keyEnd] ?? TOMBSTONE;
    const end = length === TOMBSTONE ? keyEnd + 1 : keyEnd + 1 + length;
    yield {
      key: bytes.subarray(at + 1, keyEnd),
      value: length === TOMBSTONE ? null : bytes.subarray(keyEnd + 1, end),
    };
    at = end;
  }
}

function restored<S extends StateStore>(store: S, bytes: Buffer): S {
  const replica = new TaskReplica({
    id: '0_0',
    partition: 0,
    state: {
      stores: new Map([[store.name, store]]),
      found: 'there is none',
      commit: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    stores: [{ store, topic: 'log', offset: 0, end: 1 }],
    from: 'beginning',
    time: 0,
  });
  const records = [...pairsOf(bytes)].map((pair, offset) => ({
    topic: 'log',
    partition: 0,
    offset,
    timestamp: 0,
    headers: [],
    ...pair,
  }));
  replica.apply({ topic: 'log', partition: 0, records, nextOffset: records.length, lastStableOffset: 0 }, 0);
  return store;
}

/** What the operators do with a store: a change that comes now meets what the changelog has told. */
function useVersioned(bytes: Buffer): void {
  const rows = restored(memoryKeyValueStore('rows'), Buffer.concat([ROW_PAIR, bytes]));
  const history = restored(new MemoryWindowStore('history'), bytes);
  const state = new VersionedState(rows, history, texts, 100);
  state.getAsOf(KEY, 'key', 15);
  state.put(KEY, 'new', 30, 31);
  state.put(KEY, 'old', 5, 32);
  state.get(KEY);
}

const places = new ToastPlaces(WRITER, []);

/** These two errors are what the reader of the topic passes over. */
function readLargeValues(bytes: Buffer): void {
  try {
    places.read(bytes, [{ key: '__unchanged', value: Buffer.from('["note"]') }]);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
  }
}

export const KEPT_SUBJECTS: readonly FuzzSubject[] = [
  { name: 'progress-cut', samples: [CUT], run: decodeProgress },
  { name: 'cut-origin', samples: [Buffer.from('shop-orders/slot')], run: decodeCutOrigin },
  { name: 'position', samples: [POSITION], run: (bytes) => decodePosition(bytes) },
  {
    name: 'plan-record',
    samples: [
      Buffer.from('{"format":1,"plan":{"nodes":[],"stores":[],"repartitions":[]},"repartitions":{"r":2}}'),
    ],
    run: (bytes) => parsePlanRecord(bytes.toString('utf8'), 'topic t'),
  },
  { name: 'stored-row', samples: [ROW], run: (bytes) => decodeRow(bytes, texts) },
  { name: 'changelog', samples: [CHANGELOG], run: useVersioned },
  {
    name: 'large-values',
    samples: [
      frame(
        7,
        serde.encodeBody({
          id: 1n,
          dropped_list: [['x'], []],
          amount: null,
          note: 'n',
          tags: ['a', null],
          counts: { a: 1n },
          dropped_map: { b: Buffer.from('b') },
          kind: 'a',
          hash: Buffer.from('abcd'),
          ratio: 1,
          part: { at: 1 },
        }),
      ),
    ],
    run: readLargeValues,
  },
];
