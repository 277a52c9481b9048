import { RecordList } from '../../kafka/record-list.ts';
import { Batcher, type Progress } from '../publish/batcher.ts';
import type { Catalog, PublishedTable } from '../shapes/catalog.ts';
import type { CopyBook } from './copy-state.ts';
import type { Publisher } from '../publish/publisher.ts';
import type { SchemaBook } from '../shapes/schema-book.ts';
import type { SchemaChangeTopic } from '../shapes/schema-change-topic.ts';
import { readSnapshot } from './snapshot.ts';
import type { SourceContext, SourceOptions } from '../source-context.ts';
import type { ToastFill } from '../toast/toast-fill.ts';
import { WireConnection } from '../wire/wire-connection.ts';

/** What the sessions that read tables hold of rows that wait, in all. */
const QUEUE_BYTES_MAX = 32 * 1024 * 1024;

export interface FirstRead {
  readonly options: SourceOptions;
  readonly context: SourceContext;
  readonly publisher: Publisher;
  readonly catalog: Catalog;
  readonly book: SchemaBook;
  readonly copies: CopyBook;
  readonly toast: ToastFill;
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly tables: readonly PublishedTable[];
  readonly signal: AbortSignal;
}

/**
 * Reads tables before the stream goes on: with `exported` all that are not in Kafka yet, with `chunked` those without a
 * key, which no window can compare with the stream. The first time that is the slot's own snapshot. After a crash it is
 * gone: tables with a key are read again as they are now, those without one are left to be copied beside the stream,
 * which alone can tell what of it they have seen. Returns null when it was ended early.
 */
export async function readFirst(
  session: FirstRead,
  progress: Progress,
  snapshotName: string | null,
): Promise<Progress | null> {
  const { options, context, publisher, copies } = session;
  const tables = chosenTables(session, snapshotName);
  if (tables.length === 0) return progress;
  context.metrics.phase = 'reading tables';
  const sessions = new Set<WireConnection>();
  const openSession = async (): Promise<WireConnection> => {
    const reading = await WireConnection.open({
      url: options.databaseUrl,
      replication: false,
      applicationName: `millrace-snapshot ${options.slotName}`,
      queueBytesMax: Math.ceil(QUEUE_BYTES_MAX / (options.tablesAtOnce * options.rangesAtOnce)),
    });
    sessions.add(reading);
    return reading;
  };
  const batcher: Batcher = new Batcher(
    progress,
    options.batchBytesMax,
    async (records, reached) => {
      const { length } = records;
      await publisher.publish(records, reached);
      session.toast.committed(length, reached.endLsn);
      session.book.published(records, batcher.buffers);
    },
    (error) => {
      for (const reading of sessions) reading.abort(error);
    },
  );
  session.toast.serve(batcher);
  const complete = await readSnapshot({
    ...session,
    ...context,
    ...options,
    toast: session.toast,
    openSession,
    tables,
    batcher,
    consistentPoint: progress.endLsn,
    snapshotName,
    onRow: (encoder) => context.metrics.count('r', encoder),
    onTable: ({ oid }) => copies.finish(oid),
    onReport: (table, report) => context.metrics.copying(table, report),
  });
  if (!complete) return null;
  await batcher.drain();
  await publisher.publish(new RecordList(), batcher.published);
  return batcher.published;
}

function chosenTables(session: FirstRead, snapshotName: string | null): readonly PublishedTable[] {
  const { options, copies, book } = session;
  return session.tables.filter(({ oid }) => {
    const copy = copies.copy(oid);
    if (copy?.initial !== true || copy.paused) return false;
    const isKeyless = book.encoder(oid)?.schema.key.length === 0;
    return isKeyless ? snapshotName !== null : options.snapshotMode === 'exported' && copy.cursor === null;
  });
}
