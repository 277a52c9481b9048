import { Acker } from './acker.ts';
import { Batcher, type Progress } from './batcher.ts';
import { Catalog, type PublishedTable } from './catalog.ts';
import { ChangeReader } from './change-reader.ts';
import { streamChanges } from './change-stream.ts';
import { EndOffsets } from './end-offsets.ts';
import { type GuardRequest, type ServerFacts, guard } from './guard.ts';
import { lsnText } from './lsn.ts';
import { type SourcePosition, readPosition } from './position.ts';
import { Publisher } from './publisher.ts';
import { ReplicationConnection } from './replication-connection.ts';
import { SchemaBook } from './schema-book.ts';
import { createPublication, createSlot, identifySystem, senderTimeoutMs, serverFacts } from './server.ts';
import { watchSlot } from './slot-watch.ts';
import { readSnapshot } from './snapshot.ts';
import { type SourceContext, type SourceOptions, sourceNames } from './source-context.ts';
import { bookkeepingTopics, refuseCollisions } from './topics.ts';
import { TransactionCursor } from './transaction-cursor.ts';
import { WireConnection } from './wire-connection.ts';

/** A Kafka transaction of ours is open for milliseconds; after this long the broker ends one that was left behind. */
const TRANSACTION_TIMEOUT_MS = 30_000;

/** Everything that one session holds; a lost one is thrown away as a whole. */
interface Session {
  readonly options: SourceOptions;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
  readonly sql: WireConnection;
  readonly replication: ReplicationConnection;
  readonly catalog: Catalog;
  readonly server: ServerFacts;
  readonly tables: readonly PublishedTable[];
  readonly book: SchemaBook;
  readonly publisher: Publisher;
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
  const producer = stack.use(
    await kafka.openProducer(names.transactionalId, {
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    }),
  );
  const stored = await readPosition(kafka, names.positionTopic, options.slotName);

  const connect = { url: options.databaseUrl, applicationName: `millrace-source ${options.slotName}` };
  const sql = stack.use(await WireConnection.open({ ...connect, replication: false }));
  const replication = stack.use(await ReplicationConnection.open(connect, context.clock));
  const catalog = await Catalog.open(sql);
  const request = { ...options, positionTopic: names.positionTopic };
  const server = await inspect(sql, replication, catalog, request, stored);
  const mode = guard(stored, server, request);

  const ends = new EndOffsets();
  const tables = await catalog.publishedTables(options.publicationName);
  const book = new SchemaBook({ ...context, ...options, catalog, kafka, ends });
  refuseCollisions(options.topicPrefix, tables);
  for (const table of tables) await book.adopt(await catalog.relation(table));
  const publisher = new Publisher({
    ...names,
    producer,
    ends,
    identity: {
      systemId: server.systemId,
      slot: options.slotName,
      publicationOid: server.publication?.oid ?? 0,
    },
    snapshot: stored?.snapshot ?? 'creating',
    clock: context.clock,
    log: context.log,
    onCommit: (durationMs) => context.metrics.committed(durationMs),
  });

  const session = { options, context, signal, sql, replication, catalog, server, tables, book, publisher };
  let progress = progressOf(stored);
  if (mode !== 'stream') {
    const read = await copyTables(session, mode === 'create' ? null : progress);
    if (read === null) return;
    progress = read;
  }
  await stream(session, progress);
}

/** What is true of the server; the publication is made first where that is asked for and nothing was read before. */
async function inspect(
  sql: WireConnection,
  replication: ReplicationConnection,
  catalog: Catalog,
  request: GuardRequest,
  stored: SourcePosition | null,
): Promise<ServerFacts> {
  const system = await identifySystem(replication.wire);
  const server = await serverFacts(sql, catalog, system, request);
  if (server.publication !== null || stored !== null || request.tables.length === 0) return server;
  await createPublication(sql, request.publicationName, request.tables);
  return await serverFacts(sql, catalog, system, request);
}

/**
 * Makes the slot (`resumed` null) and reads the tables in its snapshot; or reads them again behind the slot that an
 * earlier session made. Each step is in Kafka before the next, so that a crash anywhere is understood at the next start.
 * Returns null when it was ended early.
 */
async function copyTables(session: Session, resumed: Progress | null): Promise<Progress | null> {
  const { options, context, replication, publisher, server, signal } = session;
  context.metrics.phase = 'reading tables';
  let progress = resumed ?? progressOf(null);
  let snapshotName: string | null = null;
  if (resumed === null) {
    await publisher.publish([], progress);
    const slot = await createSlot(replication.wire, options.slotName, server.slot !== null);
    context.log.info({ slot: options.slotName, lsn: lsnText(slot.consistentPoint) }, 'slot created');
    progress = { ...progress, endLsn: slot.consistentPoint };
    snapshotName = slot.snapshotName;
    publisher.enter('pending');
    await publisher.publish([], progress);
  }
  await using reading = await WireConnection.open({
    url: options.databaseUrl,
    replication: false,
    applicationName: `millrace-snapshot ${options.slotName}`,
  });
  const wake = (): void => reading.nudge();
  signal.addEventListener('abort', wake, { once: true });
  const batcher = new Batcher(
    progress,
    options.batchBytesMax,
    (records, reached) => publisher.publish(records, reached),
    (error) => reading.abort(asError(error)),
  );
  const complete = await readSnapshot({
    ...session,
    ...context,
    session: reading,
    batcher,
    consistentPoint: progress.endLsn,
    snapshotName,
    onRow: (encoder) => context.metrics.count('r', encoder),
  });
  signal.removeEventListener('abort', wake);
  if (!complete) return null;
  publisher.enter('done');
  await publisher.publish([], batcher.published);
  return batcher.published;
}

async function stream(session: Session, start: Progress): Promise<void> {
  const { options, context, replication, publisher, book, sql, server, signal } = session;
  const { wire } = replication;
  const acker = new Acker(start.endLsn);
  const batcher = new Batcher(
    start,
    options.batchBytesMax,
    async (records, reached) => {
      await publisher.publish(records, reached);
      acker.published(reached.endLsn);
    },
    (error) => wire.abort(asError(error)),
  );
  const reader = new ChangeReader({
    cursor: new TransactionCursor(start),
    acker,
    book,
    batcher,
    onChange: (op, encoder) => context.metrics.count(op, encoder),
    onReplyAsked: () => {
      if (!batcher.idle) return;
      batcher.advance(acker.reached);
      if (batcher.ahead) batcher.publishProgress();
    },
    log: context.log,
  });
  const request = { slot: options.slotName, publication: options.publicationName, start: start.endLsn };
  replication.start({ ...request, flushed: () => acker.flushed }, await senderTimeoutMs(wire));
  const onStreaming = (): void => {
    context.metrics.phase = null;
    context.log.info({ slot: options.slotName, lsn: lsnText(start.endLsn) }, 'streaming');
  };
  using watch = watchSlot({
    ...options,
    ...context,
    sql,
    publicationOid: server.publication?.oid ?? 0,
    onError: (error) => wire.abort(asError(error)),
  });
  await streamChanges({ wire, reader, acker, batcher, publisher, clock: context.clock, onStreaming, signal });
  watch[Symbol.dispose]();
  await replication.finish();
}

function progressOf(stored: SourcePosition | null): Progress {
  if (stored === null) return { endLsn: 0n, commitTs: 0n, open: null };
  const { endLsn, commitTs, open } = stored;
  return { endLsn, commitTs, open };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
