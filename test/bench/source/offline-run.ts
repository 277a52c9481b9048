import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { Acker } from '../../../connectors/postgres-source/acker.ts';
import { Batcher } from '../../../connectors/postgres-source/batcher.ts';
import { Catalog } from '../../../connectors/postgres-source/catalog.ts';
import { ChangeReader } from '../../../connectors/postgres-source/change-reader.ts';
import { ChunkPublisher } from '../../../connectors/postgres-source/chunk-publisher.ts';
import { ChunkWindows } from '../../../connectors/postgres-source/chunk-windows.ts';
import { CopyBook, NO_COPIES } from '../../../connectors/postgres-source/copy-state.ts';
import { DeferredKeys } from '../../../connectors/postgres-source/deferred-keys.ts';
import { EndOffsets } from '../../../connectors/postgres-source/end-offsets.ts';
import { ReplicationConnection } from '../../../connectors/postgres-source/replication-connection.ts';
import { SchemaBook } from '../../../connectors/postgres-source/schema-book.ts';
import { TransactionCursor } from '../../../connectors/postgres-source/transaction-cursor.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire-connection.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { median } from '../figures.ts';
import type { ReaderRun, RunSpec } from './run-spec.ts';
import { sourceContext, sourceOptions } from './source-setting.ts';

/** Held in memory; more would measure the machine's caches. */
const RECORDED_BYTES_MAX = 64 * 1024 * 1024;
const ROUNDS = 9;
const WARM_UP_ROUNDS = 2;
/** As the stream groups records while it has a backlog. */
const GROUP_BYTES_MIN = 1024 * 1024;
const INSERT = 0x49;
const START = { endLsn: 0n, commitTs: 0n, open: null };

const spec = JSON.parse(process.argv[2] ?? '') as RunSpec;
const connect = { url: spec.url, applicationName: 'bench-offline' };

/** Segments as the socket gave them: whole messages, up to some 64 KiB. They end with a whole transaction or in one. */
async function record(): Promise<{ readonly segments: readonly Buffer[]; readonly rows: number }> {
  await using replication = await ReplicationConnection.open(connect, systemClock);
  const request = { slot: spec.slot, publication: 'millrace', start: 0n, flushed: () => 0n };
  replication.start(request, 0);
  const segments: Buffer[] = [];
  let bytes = 0;
  let rows = 0;
  while (rows < spec.rows && bytes < RECORDED_BYTES_MAX) {
    const segment = replication.wire.take();
    if (segment === null) {
      await replication.wire.readable();
      continue;
    }
    segments.push(Buffer.from(segment));
    bytes += segment.length;
    rows += countInserts(segment);
  }
  return { segments, rows };
}

function countInserts(segment: Buffer): number {
  let rows = 0;
  for (let at = 0; at < segment.length; at += 1 + segment.readInt32BE(at + 1))
    if (segment[at] === 0x64 && segment[at + 5] === 0x77 && segment[at + 30] === INSERT) rows++;
  return rows;
}

const { segments, rows } = await record();
await using kafka = await connectKafka({
  brokers: spec.brokers.split(','),
  clientId: 'bench-offline',
  log: silentLog,
  clock: systemClock,
});
await using sql = await WireConnection.open({ ...connect, replication: false });
const context = sourceContext(spec, kafka);
const catalog = await Catalog.open(sql);
const book = new SchemaBook({ ...context, ...sourceOptions(spec), catalog, kafka, ends: new EndOffsets() });

/** A reader as a session makes it; what it reads goes nowhere. */
function newReader(): { readonly reader: ChangeReader; readonly batcher: Batcher } {
  const batcher = new Batcher(
    START,
    sourceOptions(spec).batchBytesMax,
    async () => undefined,
    (error) => {
      throw error;
    },
  );
  const copies = new CopyBook(NO_COPIES);
  const reader = new ChangeReader({
    cursor: new TransactionCursor(START),
    acker: new Acker(0n),
    book,
    batcher,
    windows: new ChunkWindows(),
    deferred: new DeferredKeys(sourceOptions(spec).deferredKeyBytesMax),
    chunks: new ChunkPublisher({ book, batcher, copies, onRow: () => undefined }),
    onBackfill: () => undefined,
    events: { outbox: null, messages: null },
    eventCounts: context.eventCounts,
    onChange: (op, encoder) => context.metrics.count(op, encoder),
    onReplyAsked: () => undefined,
    log: silentLog,
  });
  return { reader, batcher };
}

const micros: number[] = [];
const seconds: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  // The last transaction of a recording may be cut off: each round has a reader of its own.
  const { reader, batcher } = newReader();
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (const segment of segments) {
    await reader.consume(segment);
    if (batcher.bytes >= GROUP_BYTES_MIN) batcher.kick();
  }
  await batcher.drain();
  if (round < WARM_UP_ROUNDS) continue;
  const { user, system } = process.cpuUsage(cpu);
  micros.push((user + system) / rows);
  seconds.push((performance.now() - began) / 1e3);
}
const result: ReaderRun = {
  rowsPerSecond: rows / median(seconds),
  cpuMicrosPerRow: median(micros),
  peakMib: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
