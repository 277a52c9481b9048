import type { Client } from 'pg';
import { must } from '../../../infra/process/assert.ts';
import { type BackoffPolicy, backoffMs } from '../../../infra/process/backoff.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe, orderFor } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { Fetcher, Kafka } from '../../kafka/port.ts';
import { applyBatch } from '../apply-batch.ts';
import { type DeadLetterBounds, createDeadLetterTable } from '../dead-letter-table.ts';
import { type BatchBounds, Inbox } from '../inbox.ts';
import type { HeldPartition } from '../offset-table.ts';
import { Ownership } from '../ownership.ts';
import { TableFeed } from '../table-feed.ts';
import { type TargetSession, openTarget } from '../target-session.ts';
import type { LiveTable } from './live-table.ts';
import { rebuildSink, siblingTable } from './rebuild-names.ts';
import type { Standing } from './standing.ts';

const BOUNDS: BatchBounds = { rowsMax: 2_000, bytesMax: 8_388_608 };
/** In a row; about two minutes. Whoever runs it again goes on. */
const BACKOFF: BackoffPolicy = { initialMs: 50, maxMs: 5_000, attemptsMax: 30 };

export interface FillContext {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly databaseUrl: string;
  readonly deadLetters: DeadLetterBounds;
}

/** Reads a topic into the new table, exactly once, as the sink does; of all partitions, without a consumer group. */
export class TableFill implements AsyncDisposable {
  readonly #live: LiveTable;
  readonly #context: FillContext;
  readonly #sink: string;
  readonly #ownership: Ownership;
  readonly #fetcher: Fetcher;
  readonly #inbox = new Inbox();
  readonly #feed: TableFeed;
  #session: TargetSession | null = null;
  #partitions = 0;
  #failures = 0;

  constructor(live: LiveTable, context: FillContext) {
    const { kafka, registry, log } = context;
    this.#live = live;
    this.#context = context;
    this.#sink = rebuildSink(live.sink);
    this.#ownership = new Ownership(this.#sink, kafka);
    this.#fetcher = kafka.openFetcher();
    this.#feed = new TableFeed(
      { sink: this.#sink, topic: live.topic, table: siblingTable(live.table, '__rebuild') },
      {
        registry,
        log,
        options: live.options,
        setsAside: live.options.setsAside,
        partitionCount: (topic) => kafka.partitionCount(topic),
      },
    );
  }

  /** Once the new table is being filled: what this process may write. */
  get held(): readonly HeldPartition[] {
    return this.#ownership.held;
  }

  /**
   * Takes all partitions that the topic has now.
   * @throws what the policy table does not order to try again, and what fails too often in a row
   */
  async locate(): Promise<void> {
    const partitions = await this.#context.kafka.partitionCount(this.#live.topic);
    if (partitions === this.#partitions) return;
    this.#partitions = partitions;
    const all = Array.from({ length: partitions }, (_, partition) => partition);
    this.#ownership.assign(new Map([[this.#live.topic, all]]));
    await this.#patiently(() => this.#taken());
  }

  /** Applies what has come, or comes within the time. Resolves with the number of records. */
  async step(waitMaxMs: number): Promise<number> {
    return await this.#patiently(async () => {
      const client = await this.#taken();
      if (this.#inbox.isEmpty) this.#inbox.add(await this.#fetcher.poll(waitMaxMs));
      const slices = this.#inbox.take(BOUNDS);
      if (slices.length === 0) return 0;
      const own = slices.filter(({ records }) => records.length > 0);
      const write = await this.#feed.plan(client, own);
      const advances = this.#ownership.advancesOf(slices);
      const planned = own.length === 0 ? [] : [{ feed: this.#feed, slices: own, write }];
      const bounds = this.#live.options.setsAside ? this.#context.deadLetters : null;
      const nothing = (): void => undefined;
      await applyBatch(client, this.#sink, advances, planned, bounds, async () => undefined, nothing);
      this.#ownership.advanced(advances);
      return own.reduce((records, slice) => records + slice.records.length, 0);
    });
  }

  /** Gives the new table what the topic's newest schemas ask for, before a record does. */
  async follow(): Promise<void> {
    await this.#patiently(async () => await this.#feed.ensureNewest(await this.#taken()));
  }

  /** @param live the stored offsets of the old table by partition */
  async standings(live: ReadonlyMap<number, number>): Promise<readonly Standing[]> {
    const { kafka } = this.#context;
    const held = this.held;
    const starts = await kafka.listOffsets(held, 'earliest');
    const stable = await kafka.listOffsets(held, 'last-stable');
    const ends = await kafka.listOffsets(held, 'high-watermark');
    return held.map(({ partition, nextOffset }, i) => ({
      partition,
      live: live.get(partition) ?? null,
      own: nextOffset,
      start: must(starts[i], 'one start per partition'),
      end: must(ends[i], 'one end per partition'),
      stable: must(stable[i], 'one end per partition'),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dropSession();
    await this.#fetcher[Symbol.asyncDispose]();
  }

  async #taken(): Promise<Client> {
    const client = await this.#connected();
    if (this.#ownership.isHeld) return client;
    await this.#ownership.take(client);
    this.#inbox.clear();
    this.#fetcher.assign(this.held.map((p) => ({ ...p, offset: p.nextOffset })));
    return client;
  }

  async #connected(): Promise<Client> {
    if (this.#session !== null) return this.#session.client;
    const { databaseUrl, log, clock } = this.#context;
    const applicationName = `millrace-sink:${this.#sink}`;
    const session = await openTarget({ databaseUrl, applicationName, log, clock });
    this.#session = session;
    if (this.#live.options.setsAside) await createDeadLetterTable(session.client);
    await this.#feed.ensureNewest(session.client);
    return session.client;
  }

  async #dropSession(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    this.#inbox.clear();
    await session?.[Symbol.asyncDispose]();
  }

  async #patiently<T>(step: () => Promise<T>): Promise<T> {
    const { clock, random, log } = this.#context;
    for (;;) {
      try {
        const result = await step();
        this.#failures = 0;
        return result;
      } catch (error) {
        await this.#dropSession();
        this.#ownership.doubt();
        if (orderFor(error) !== 'retry' || this.#failures + 1 >= BACKOFF.attemptsMax) throw error;
        const waitMs = Math.round(backoffMs(BACKOFF, this.#failures++, random));
        log.warn({ attempt: this.#failures, waitMs, reason: describe(error) }, 'trying again');
        await clock.sleep(waitMs);
      }
    }
  }
}
