import { type BackoffPolicy, backoffMs } from '../../infra/process/backoff.ts';
import { type Clock, hasPassed } from '../../infra/process/clock.ts';
import { Failure, type Order, describe, orderFor } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import type { FetchedBatch, Fetcher, Kafka } from '../kafka/port.ts';
import { applyBatch } from './apply-batch.ts';
import type { PlannedWrite } from './bad-rows.ts';
import { BadRowLog } from './bad-row-log.ts';
import type { DeadLetterBounds } from './dead-letter-table.ts';
import { type BatchBounds, Inbox, type Slice } from './inbox.ts';
import { LagReport } from './lag-report.ts';
import { verifyHeld } from './offset-table.ts';
import { prepareOwnTables } from './own-tables.ts';
import { Ownership } from './ownership.ts';
import type { TopicCut } from './progress-table.ts';
import type { SinkMetrics } from './sink-metrics.ts';
import { StoppedTables } from './stopped-tables.ts';
import { TableFeed, type TableWrite } from './table-feed.ts';
import { DEFAULT_TABLE_OPTIONS, type TableOptions } from './table-options.ts';
import type { TableName } from './target-table.ts';
import { targetRefusal } from './target-refusal.ts';
import { type TargetSession, openTarget } from './target-session.ts';
import { ViewProgress } from './view-progress.ts';

/** How long a poll waits for records, and so how soon a rebalance or a stop is noticed when idle. */
const POLL_MAX_MS = 200;

/** Records that are fetched and not written, bytes: a few batches ahead of Postgres. */
const FETCHED_BYTES_MAX = 16 * 1024 * 1024;

/** A target that is away is waited for, however long; readiness tells. */
const BACKOFF: BackoffPolicy = { initialMs: 50, maxMs: 5_000, attemptsMax: Number.POSITIVE_INFINITY };

/** Memberships in a row that are fenced before a batch is written: a second deployment uses the same sink name. */
const FENCED_MAX = 5;

/** SQLSTATE undefined_column. */
const UNDEFINED_COLUMN = '42703';

/** Between two looks at the stored epochs of tables that stopped, milliseconds. */
const STOPPED_LOOK_MS = 1_000;

export interface SinkOptions {
  /** Names the offsets in the target, and with them the deployment. */
  readonly sinkName: string;
  readonly groupId: string;
  /** Makes the sink a static member of its group. Default: a dynamic one. */
  readonly groupInstanceId?: string;
  /** Milliseconds of silence after which the group goes on without this process. Default 10000. */
  readonly sessionTimeoutMs?: number;
  /** Topic (with prefix) to table. */
  readonly tables: ReadonlyMap<string, TableName>;
  /** Where the source and processors tell their progress. Default: what the tables stand for is not told. */
  readonly progressTopics?: readonly string[];
  readonly databaseUrl: string;
  readonly bounds: BatchBounds;
  /** Default: deletions delete, no columns of the sink's own, truncates are applied. */
  readonly tableOptions?: TableOptions;
  /** Records that their table does not take go to `millrace.dead_letters`. Default: they stop the sink. */
  readonly deadLetters?: DeadLetterBounds;
}

export interface SinkContext {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: SinkMetrics;
}

/** Slices out of the inbox, and what they do to the tables of which that could be told in advance. */
interface BatchAhead {
  readonly slices: readonly Slice[];
  readonly writes: ReadonlyMap<TableFeed, TableWrite>;
}

/**
 * Compacted topics into tables, exactly once: every batch's rows and offsets commit in one Postgres transaction.
 * Batches follow each other without delay: what arrives during a transaction is the next batch, so that a busy sink
 * writes large batches and an idle one writes at once.
 */
export class Sink {
  readonly #options: SinkOptions;
  readonly #context: SinkContext;
  #feeds: ReadonlyMap<string, TableFeed>;
  readonly #stopped: StoppedTables;
  readonly #inbox = new Inbox();
  /** The next transaction, prepared while the one before it was under way. */
  #ahead: BatchAhead | null = null;
  readonly #badRows: BadRowLog;
  readonly #progress: ViewProgress;
  #session: TargetSession | null = null;
  #waitingFor: string | null = 'joining the consumer group';
  /** Failures and fencings since a batch was written. */
  #failures = 0;
  #fenced = 0;
  /** Since a batch was written. */
  #hasLostColumn = false;
  #lookedAtStopped = 0;

  constructor(options: SinkOptions, context: SinkContext) {
    this.#options = options;
    this.#context = context;
    this.#stopped = new StoppedTables(options.tables.size, context.log, context.metrics);
    this.#badRows = new BadRowLog(context.log, context.clock);
    this.#progress = new ViewProgress({
      ...context,
      sink: options.sinkName,
      topics: options.tables.keys(),
      progressTopics: options.progressTopics ?? [],
    });
    this.#feeds = this.#newFeeds();
  }

  /** Why rows are not being written, or null when they are. */
  readonly readiness = (): string | null => this.#waitingFor;

  /**
   * Writes until `signal` aborts, then finishes the batch at hand and leaves the group.
   * @throws the first error that the policy table does not order to try again
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#membership(signal);
      } catch (error) {
        const order = orderFor(error);
        if (order === 'fenced') this.#beginAnew();
        if (this.#fenced >= FENCED_MAX || isReplaced(error) || order === 'stop' || order === 'dead-letter')
          throw error;
        await this.#backOff(error, order, signal);
      } finally {
        await this.#dropSession();
      }
    }
  }

  /** In the order of their tables. */
  #newFeeds(): ReadonlyMap<string, TableFeed> {
    const { tables, sinkName: sink, tableOptions, deadLetters } = this.#options;
    const { registry, kafka, log } = this.#context;
    const parts = {
      registry,
      log,
      options: tableOptions ?? DEFAULT_TABLE_OPTIONS,
      setsAside: deadLetters !== undefined,
      partitionCount: (topic: string) => kafka.partitionCount(topic),
    };
    const feeds = [...tables].map(([topic, table]) => new TableFeed({ sink, topic, table }, parts));
    return new Map(feeds.toSorted((a, b) => (a.label < b.label ? -1 : 1)).map((feed) => [feed.topic, feed]));
  }

  /** As a new process would: who has taken the partitions may have put other tables in the place of these. */
  #beginAnew(): void {
    this.#fenced++;
    this.#stopped.forget();
    this.#feeds = this.#newFeeds();
  }

  async #membership(signal: AbortSignal): Promise<void> {
    const { kafka, clock, log } = this.#context;
    const ownership = new Ownership(this.#options.sinkName, kafka);
    const lag = new LagReport(kafka, clock, log);
    const { groupId, groupInstanceId, sessionTimeoutMs } = this.#options;
    await using fetcher = kafka.openFetcher({ bufferedBytesMax: FETCHED_BYTES_MAX });
    await using member = await kafka.joinGroup({
      groupId,
      ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
      ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
      topics: [[...this.#options.tables.keys()]],
      strategy: 'range',
      listener: ownership.listener,
      signal,
    });
    while (!signal.aborted) {
      try {
        await member.checkpoint();
        const batch = await this.#next(ownership, fetcher);
        await this.#lookAtStopped(ownership);
        await this.#progress.settle((await this.#connected()).client);
        if (batch.slices.length > 0) await this.#write(ownership, batch);
        else await this.#recordProgress(ownership);
        await lag.report(member, ownership.held, batch.slices.length === 0);
      } catch (thrown) {
        const error = targetRefusal(thrown, this.#options.databaseUrl);
        if (orderFor(error) !== 'retry') throw error;
        await this.#dropSession();
        ownership.doubt();
        await this.#backOff(error, 'retry', signal);
      }
    }
    if (ownership.isHeld) await lag.report(member, ownership.held, true);
  }

  /** The next transaction; without slices when none came within {@link POLL_MAX_MS}. */
  async #next(ownership: Ownership, fetcher: Fetcher): Promise<BatchAhead> {
    const session = await this.#connected();
    if (!ownership.isHeld) {
      await ownership.take(session.client);
      this.#clear();
      await this.#progress.begin();
      this.#fetch(ownership, fetcher);
      const partitions = ownership.held.map((p) => `${p.topic}/${p.partition}@${p.nextOffset}`);
      this.#context.log.info({ partitions }, 'partitions claimed');
      this.#waitingFor = null;
    } else if (this.#isEmpty && (await this.#progress.hasAppeared())) {
      this.#fetch(ownership, fetcher);
    }
    this.#stopped.pause(fetcher, ownership.held);
    if (this.#isEmpty) this.#inbox.add(this.#progress.sift(await this.#poll(ownership, fetcher)));
    const ahead = this.#ahead;
    this.#ahead = null;
    return ahead ?? { slices: this.#inbox.take(this.#options.bounds), writes: new Map() };
  }

  get #isEmpty(): boolean {
    return this.#ahead === null && this.#inbox.isEmpty;
  }

  #clear(): void {
    this.#inbox.clear();
    this.#ahead = null;
  }

  /** Prepares what is in the inbox already, as far as nobody has to be asked. */
  #prepareNext(): void {
    if (this.#inbox.isEmpty) return;
    const slices = this.#inbox.take(this.#options.bounds);
    const writes = new Map<TableFeed, TableWrite>();
    for (const feed of this.#feeds.values()) {
      const own = slicesOf(feed, slices);
      const write = own.length === 0 || this.#stopped.has(feed.topic) ? null : feed.planAhead(own);
      if (write !== null) writes.set(feed, write);
    }
    this.#ahead = { slices, writes };
  }

  async #poll(ownership: Ownership, fetcher: Fetcher): Promise<readonly FetchedBatch[]> {
    try {
      return await fetcher.poll(POLL_MAX_MS);
    } catch (error) {
      if (!this.#progress.deny(error)) throw error;
      this.#fetch(ownership, fetcher);
      return [];
    }
  }

  /** Nothing is written to them, so nothing else would tell that they were rebuilt. */
  async #lookAtStopped({ held }: Ownership): Promise<void> {
    const stopped = this.#stopped.among(held);
    const now = this.#context.clock.now();
    if (stopped.length === 0 || !hasPassed(now, this.#lookedAtStopped, STOPPED_LOOK_MS)) return;
    this.#lookedAtStopped = now;
    await verifyHeld((await this.#connected()).client, this.#options.sinkName, stopped);
  }

  /** From where the tables are: nothing may be left in the inbox. */
  #fetch({ held }: Ownership, fetcher: Fetcher): void {
    const rows = held.map((p) => ({ topic: p.topic, partition: p.partition, offset: p.nextOffset }));
    fetcher.assign(rows.length === 0 ? [] : [...rows, ...this.#progress.positions]);
  }

  /** A cut may come after the last row before it. */
  async #recordProgress(ownership: Ownership): Promise<void> {
    const { client } = await this.#connected();
    this.#progress.recorded(await this.#progress.record(client, ownership.held));
  }

  async #write(ownership: Ownership, { slices, writes: ahead }: BatchAhead): Promise<void> {
    const { clock, metrics } = this.#context;
    const { client } = await this.#connected();
    const writes: PlannedWrite[] = [];
    for (const feed of this.#feeds.values()) {
      const own = slicesOf(feed, slices);
      const plan = async (): Promise<TableWrite> => ahead.get(feed) ?? (await feed.plan(client, own));
      const write = own.length === 0 ? null : await this.#stopped.guard(feed, plan);
      if (write !== null) writes.push({ feed, slices: own, write });
    }
    const advances = ownership.advancesOf(slices.filter(({ topic }) => !this.#stopped.has(topic)));
    if (advances.length === 0) return;
    const startedAt = clock.now();
    const { sinkName, deadLetters = null } = this.#options;
    let recorded: readonly TopicCut[] = [];
    const { letters, late } = await applyBatch(
      client,
      sinkName,
      advances,
      writes,
      deadLetters,
      async () => void (recorded = await this.#progress.record(client, ownership.held, advances)),
      () => this.#prepareNext(),
    ).catch((error: unknown) => this.#lostColumn(error));
    ownership.advanced(advances);
    this.#progress.recorded(recorded);
    this.#failures = 0;
    this.#fenced = 0;
    this.#hasLostColumn = false;
    const now = clock.now();
    metrics.committed(now - startedAt);
    this.#badRows.add(letters);
    for (const [i, { feed, slices: own, write }] of writes.entries()) {
      metrics.deadLetters(feed.label, letters.filter(({ record }) => record.topic === feed.topic).length);
      metrics.rows(feed.label, 'late', late[i] ?? 0);
      metrics.rows(feed.label, 'upsert', write.upserts);
      metrics.rows(feed.label, 'delete', write.deletes);
      metrics.endToEnd(feed.label, own, now);
    }
  }

  /**
   * Somebody has dropped a column that the topic has no field for any more: the next try leaves it out. Where that does not
   * help, what is missing is another one, as in a trigger.
   * @throws Failure `sink.column_gone` (retry), and any other error as it is
   */
  #lostColumn(error: unknown): never {
    const isUndefined = error instanceof Error && 'code' in error && error.code === UNDEFINED_COLUMN;
    if (!isUndefined || this.#hasLostColumn) throw error;
    this.#hasLostColumn = true;
    for (const feed of this.#feeds.values()) feed.forget();
    throw new Failure('sink.column_gone', 'retry', 'a column is gone that the sink has written so far', {
      cause: error,
    });
  }

  async #connected(): Promise<TargetSession> {
    if (this.#session !== null) return this.#session;
    const { sinkName, databaseUrl } = this.#options;
    const session = await openTarget({
      databaseUrl,
      applicationName: `millrace-sink:${sinkName}`,
      log: this.#context.log,
      clock: this.#context.clock,
    });
    this.#session = session;
    await prepareOwnTables(session.client, this.#options.deadLetters !== undefined);
    for (const feed of this.#feeds.values())
      await this.#stopped.guard(feed, () => feed.ensureNewest(session.client));
    return session;
  }

  async #dropSession(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    this.#clear();
    await session?.[Symbol.asyncDispose]();
  }

  async #backOff(error: unknown, order: Order, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#context;
    const waitMs = Math.round(backoffMs(BACKOFF, this.#failures++, random));
    this.#waitingFor = describe(error);
    log.warn(
      { order, attempt: this.#failures, waitMs, reason: describe(error) },
      'trying again from the stored offsets',
    );
    await clock.sleep(waitMs, signal);
  }
}

function slicesOf({ topic }: TableFeed, slices: readonly Slice[]): readonly Slice[] {
  return slices.filter((slice) => slice.topic === topic && slice.records.length > 0);
}

/** A process with the same instance has taken this one's place in the group: to join again would throw that one out. */
function isReplaced(error: unknown): boolean {
  return error instanceof Failure && error.code === 'kafka.fenced_instance_id';
}
