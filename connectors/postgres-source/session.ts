import { randomUUID } from 'node:crypto';
import type { Kafka } from '../kafka/port.ts';
import { RecordList } from '../kafka/record-list.ts';
import { Acker } from './place/acker.ts';
import { decodeBackfill, passwordOf } from './copies/backfill-request.ts';
import { Batcher, type Progress } from './publish/batcher.ts';
import { Catalog, type PublishedTable } from './shapes/catalog.ts';
import { ChangeReader } from './changes/change-reader.ts';
import { streamChanges } from './changes/change-stream.ts';
import { ChunkPublisher } from './copies/chunk-publisher.ts';
import { ChunkWindows } from './copies/chunk-windows.ts';
import { Copier } from './copies/copier.ts';
import type { CopyBook } from './copies/copy-state.ts';
import { DeferredKeys } from './changes/deferred-keys.ts';
import { endWithStream, openDatabase } from './database-sessions.ts';
import type { EventStream } from './events/event-stream.ts';
import { readFirst } from './copies/first-read.ts';
import { type GuardRequest, type ServerFacts, guard } from './place/guard.ts';
import { incompleteTopics } from './copies/incomplete-topics.ts';
import { KeylessRows } from './copies/keyless-rows.ts';
import { lsnText } from './place/lsn.ts';
import { type SourcePosition, readPosition } from './place/position.ts';
import { Publisher, type PublisherOptions } from './publish/publisher.ts';
import type { ReplicationConnection } from './wire/replication-connection.ts';
import type { RewriteWatch } from './watch/rewrite-watch.ts';
import type { RowEncoder } from './records/row-encoder.ts';
import type { SchemaBook } from './shapes/schema-book.ts';
import type { SchemaChangeTopic } from './shapes/schema-change-topic.ts';
import { createPublication, identifySystem, senderTimeoutMs, serverFacts } from './place/server.ts';
import { createSlot } from './watch/slot-creation.ts';
import { includesTable } from './shapes/source-filter.ts';
import { watchSlot } from './watch/slot-watch.ts';
import { type SourceContext, type SourceOptions, sourceNames } from './source-context.ts';
import { openTables } from './session-tables.ts';
import { keepOnStandbys } from './place/timeline.ts';
import type { ToastFill } from './toast/toast-fill.ts';
import { startToast, toastFill } from './toast/toast-start.ts';
import { bookkeepingTopics } from './shapes/topics.ts';
import { TransactionCounter } from './publish/transaction-counter.ts';
import { TransactionCursor } from './place/transaction-cursor.ts';
import type { WireConnection } from './wire/wire-connection.ts';
import { WorkingOrder } from './place/working-order.ts';

/** A Kafka transaction of ours is open for milliseconds; after this long the broker ends one that was left behind. */
const TRANSACTION_TIMEOUT_MS = 30_000;
/** Of a chunk that is held in memory, one for each table that is being copied. */
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;

/** Everything that one session holds; a lost one is thrown away as a whole. */
interface Session {
  readonly options: SourceOptions;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
  readonly kafka: Kafka;
  readonly sql: WireConnection;
  readonly replication: ReplicationConnection;
  readonly catalog: Catalog;
  readonly server: ServerFacts;
  readonly tables: readonly PublishedTable[];
  readonly book: SchemaBook;
  readonly events: EventStream;
  readonly publisher: Publisher;
  readonly copies: CopyBook;
  readonly toast: ToastFill;
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly rewrites: RewriteWatch;
  /** The slot is made in this session. */
  readonly fresh: boolean;
  readonly order: WorkingOrder;
}

/**
 * One session from end to end: fence the predecessor in Kafka, read the position, compare it with the server, read the
 * tables if that is still to be done, then stream from the position until `signal`.
 */
export async function runSession(
  options: SourceOptions,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const names = sourceNames(options);
  context.metrics.phase = 'connecting';
  const kafka = stack.use(await context.connectKafka());
  await kafka.ensureTopics(bookkeepingTopics(options.topicPrefix));
  const atMost = { transactionTimeoutMs: TRANSACTION_TIMEOUT_MS };
  const producer = stack.use(await kafka.openProducer(names.transactionalId, atMost));
  const rowProducer =
    options.processingGuarantee === 'exactly_once' ? null : stack.use(await kafka.openIdempotentProducer());
  const kept = new Map<string, Buffer>();
  const stored = await readPosition(kafka, names.positionTopic, options.slotName, (key, value) => {
    if (value !== null) kept.set(key, value);
  });

  const { sql, replication } = await openDatabase(options, context.clock, stack);
  const catalog = await Catalog.open(sql);
  const request = { ...options, positionTopic: names.positionTopic };
  const server = await inspect(sql, replication, catalog, request, stored);
  const fresh = guard(stored, server, request) === 'create';

  const opened = await openTables(options, context, kafka, catalog, stored, kept, fresh, server.database);
  const { tables, book, copies, ends, refusals, notes } = opened;
  const order = workingOrder(options, context);
  if (!fresh && copies.initialDone) order.reach('copied');
  const identity = identityOf(options, server);
  const known = fresh ? null : stored;
  const toast = stack.use(toastFill({ ...options, ...context, identity, stored: known, ends, copies }));
  const publisher = new Publisher({
    ...names,
    producer,
    rowProducer,
    ends,
    identity,
    copies,
    incomplete: () =>
      incompleteTopics([...tables, ...book.relations], {
        copies,
        refusals,
        topicOf: (table) => book.topicOf(table),
      }),
    refusals,
    notes,
    creating: fresh,
    onInitialDone: () => order.reach('copied'),
    clock: context.clock,
    log: context.log,
    onCommit: (durationMs) => context.metrics.committed(durationMs),
  });

  const parts = {
    options,
    context,
    signal,
    sql,
    replication,
    catalog,
    server,
    publisher,
  };
  await readAndStream({ ...parts, ...opened, kafka, toast, fresh, order }, stored);
}

/** What every position says of the place that it was written at. */
function identityOf({ slotName }: SourceOptions, server: ServerFacts): PublisherOptions['identity'] {
  const { systemId, timeline, publication } = server;
  return { systemId, timeline, slot: slotName, publicationOid: publication?.oid ?? 0 };
}

function workingOrder({ slotName }: SourceOptions, { metrics, log }: SourceContext): WorkingOrder {
  return new WorkingOrder(() => {
    metrics.phase = null;
    log.info({ slot: slotName }, 'streaming');
  });
}

async function readAndStream(session: Session, stored: SourcePosition | null): Promise<void> {
  session.context.metrics.copies.watch(session.copies, session.tables);
  const slot = session.fresh ? await makeSlot(session) : null;
  if (session.fresh && slot === null) return;
  const start = slot?.progress ?? progressOf(stored);
  session.context.metrics.phase = 'reading back large values';
  if (!(await startToast(session.toast, { ...session.options, ...session.context, ...session }))) return;
  const progress = await readFirst(session, start, slot?.snapshotName ?? null);
  if (progress !== null) await stream(session, progress);
}

/** What is true of the server; the publication is made first where that is asked for and nothing was read before. */
async function inspect(
  sql: WireConnection,
  replication: ReplicationConnection,
  catalog: Catalog,
  request: GuardRequest,
  stored: SourcePosition | null,
): Promise<ServerFacts> {
  const system = await identifySystem(replication.wire, stored);
  const server = await serverFacts(sql, catalog, system, request);
  if (server.standby || server.publication !== null || stored !== null || request.tables.length === 0)
    return server;
  await createPublication(sql, request.publicationName, request.tables);
  return await serverFacts(sql, catalog, system, request);
}

/** Each step is in Kafka before the next, so that a crash anywhere is understood at the next start. Null: ended early. */
async function makeSlot(
  session: Session,
): Promise<{ readonly progress: Progress; readonly snapshotName: string } | null> {
  const { options, context, replication, publisher, server, sql, signal } = session;
  await publisher.publish(new RecordList(), progressOf(null));
  // It waits for every transaction that is writing.
  replication.wire.queryMaxMs = null;
  const slot = await createSlot({
    ...options,
    ...context,
    walsender: replication.wire,
    sql,
    replace: server.slot !== null,
    onWait: (reason) => {
      context.metrics.phase = reason;
    },
    signal,
  });
  if (slot === null) return null;
  context.log.info({ slot: options.slotName, lsn: lsnText(slot.consistentPoint) }, 'slot created');
  const progress = { ...progressOf(null), endLsn: slot.consistentPoint };
  publisher.slotIsMade();
  session.copies.sinceNow(slot.consistentPoint);
  await publisher.publish(new RecordList(), progress);
  return { progress, snapshotName: slot.snapshotName };
}

async function stream(session: Session, start: Progress): Promise<void> {
  const { options, context, replication, publisher, sql, server, signal } = session;
  const { wire } = replication;
  const acker = new Acker(start.endLsn);
  const cursor = new TransactionCursor(start);
  const batcher: Batcher = new Batcher(
    start,
    options.batchBytesMax,
    async (records, reached) => {
      const { length } = records;
      await publisher.publish(records, reached);
      session.toast.committed(length, reached.endLsn);
      session.book.published(records, batcher.buffers);
      acker.published(reached.endLsn);
      context.metrics.copies.publishedLsn = reached.endLsn;
    },
    (error) => wire.abort(error),
    () => cursor.prefix,
  );
  session.toast.serve(batcher);
  const windows = new ChunkWindows();
  const keyless = new KeylessRows(session.copies);
  const copying = new AbortController();
  const copier = copierOf(session, windows, keyless, batcher, copying.signal);
  const reader = readerOf(session, cursor, acker, batcher, windows, keyless, copier);
  // Before the first change: whether it is published depends on what is still to be copied.
  await copier.look();
  if (options.slotFailover && server.slot?.failover === false) await keepOnStandbys(wire, options.slotName);
  const request = { slot: options.slotName, publication: options.publicationName, start: start.endLsn };
  replication.start({ ...request, flushed: () => acker.flushed }, await senderTimeoutMs(wire));
  endWithStream(session);
  const onStreaming = (): void => {
    context.log.info({ slot: options.slotName, lsn: lsnText(start.endLsn) }, 'stream begins');
    context.metrics.phase = 'reading tables';
    session.order.reach('streaming');
  };
  using watch = watchSlot({
    ...options,
    ...context,
    sql,
    rewrites: session.rewrites,
    publicationOid: server.publication?.oid ?? 0,
    onError: (error) => wire.abort(error),
  });
  const stop = (): void => copying.abort();
  signal.addEventListener('abort', stop, { once: true });
  const copied = copier.run();
  try {
    await streamChanges({
      wire,
      reader,
      acker,
      batcher,
      publisher,
      clock: context.clock,
      log: context.log,
      onStreaming,
      signal,
    });
  } finally {
    stop();
    await copied;
    signal.removeEventListener('abort', stop);
  }
  watch[Symbol.dispose]();
  session.toast.close(batcher.published.endLsn);
  await replication.finish();
}

function copierOf(
  session: Session,
  windows: ChunkWindows,
  keyless: KeylessRows,
  batcher: Batcher,
  signal: AbortSignal,
): Copier {
  const { options, context, copies, catalog, book, toast, fresh, replication } = session;
  return new Copier({
    ...options,
    ...context,
    copies,
    windows,
    keyless,
    catalog,
    book,
    isCopied: (table) =>
      includesTable(options, table) && `${table.schema}.${table.table}` !== options.outbox?.table,
    fresh,
    onAdded: (table, since) => toast.restart(table.oid, book.topicOf(table), since),
    chunkBytesMax: Math.min(CHUNK_BYTES_MAX, options.batchBytesMax),
    windowId: randomUUID,
    onProgress: () => batcher.publishProgress(),
    onError: (error) => replication.wire.abort(error),
    signal,
  });
}

function readerOf(
  session: Session,
  cursor: TransactionCursor,
  acker: Acker,
  batcher: Batcher,
  windows: ChunkWindows,
  keyless: KeylessRows,
  copier: Copier,
): ChangeReader {
  const { options, context, book, events, copies, toast, schemaChanges, rewrites } = session;
  const password = passwordOf(options.databaseUrl);
  const onRow = (encoder: RowEncoder): void => context.metrics.count('r', encoder);
  return new ChangeReader({
    cursor,
    acker,
    book,
    batcher,
    windows,
    schemaChanges,
    keyless,
    chunks: new ChunkPublisher({
      book,
      batcher,
      copies,
      keyless,
      toast,
      schemaChanges,
      onRow,
      log: context.log,
    }),
    deferred: new DeferredKeys(options.deferredKeyBytesMax),
    onTruncate: options.onTruncate,
    transactions: new TransactionCounter({ ...options, metadata: events.transactions, cursor, batcher }),
    toast,
    events,
    eventCounts: context.eventCounts,
    onUnsettled: () => copier.look(),
    onBackfill: (content) => {
      const asked = decodeBackfill(content, password);
      if (asked !== null) {
        copier.asked(asked);
        if (asked.action !== 'copy') return null;
        if (asked.where === null) rewrites.settled(asked.oid);
        return book.refused(asked.oid);
      }
      context.log.warn({}, 'a message that asks for a backfill is refused: it is malformed, or badly signed');
      return null;
    },
    onSkip: (encoder) => context.metrics.tables.skip(encoder),
    onChange: (op, encoder) => context.metrics.count(op, encoder),
    onReplyAsked: () => {
      if (!batcher.idle) return;
      batcher.advance(acker.reached);
      if (batcher.ahead) batcher.publishProgress();
    },
    log: context.log,
  });
}

function progressOf(stored: SourcePosition | null): Progress {
  if (stored === null) return { endLsn: 0n, commitTs: 0n, open: null };
  const { endLsn, commitTs, open } = stored;
  return { endLsn, commitTs, open };
}
