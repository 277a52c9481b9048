import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { TOMBSTONE_HEADERS } from '../../../schemas/change-event.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { FRAME_BYTES, schemaIdOf } from '../../../schemas/serde/wire-format.ts';
import type { ConsumerRecord, FetchedBatch, Kafka, PartitionOffset } from '../../kafka/port.ts';
import type { Lsn } from '../place/lsn.ts';
import { ToastPlaces } from './toast-places.ts';
import type { ToastEffect, ToastStore } from './toast-store.ts';
import { type ToastTable, replayedEffect } from './toast-table.ts';

const LOG_INTERVAL_MS = 5_000;
const POLL_MAX_MS = 500;
/** The records of a poll become objects all at once. */
const BUFFERED_BYTES_MAX = 8 * 1024 * 1024;
/** Keys of dead letters that are held in memory while the topics are read. */
const LETTERS_MAX = 200_000;

export interface RestoreOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly store: ToastStore;
  readonly deadLetterTopic: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A topic that is to be read from `offsets` to its end. */
export interface RestoredTopic {
  readonly topic: string;
  readonly table: ToastTable;
  /** Records from before do not count. */
  readonly since: Lsn | null;
  readonly offsets: readonly number[];
}

/** Per topic and key: commit LSN of the last change that was set aside, and so is not in the topic. */
type Letters = Map<string, Map<string, Lsn>>;

/**
 * Takes over what topics have behind what the store has. To be called once the predecessor is fenced: nothing is added
 * then but by us. False when `signal` ended it early; what was read is not read again.
 * @throws Failure `registry.*`, `source.toast_store`
 */
export async function restoreToast(
  options: RestoreOptions,
  topics: readonly RestoredTopic[],
): Promise<boolean> {
  const { kafka, store, log } = options;
  const ends = await endsOf(kafka, topics);
  const behind = ends.filter(({ topic, partition, offset }) => offset > startOf(topics, topic, partition));
  if (behind.length === 0) return true;
  const letters = await deadLetters(options, topics);
  for (const { topic, table } of topics) {
    // A change that was set aside after the store's last one: what the store has of the row is older.
    const keys = [...(letters.get(topic) ?? [])].filter(([, lsn]) => lsn >= store.position);
    store.apply(
      keys.map(([key]) => goneEffect(table.topic, Buffer.from(key, 'latin1'))),
      [],
      store.position,
    );
  }
  const records = behind.reduce(
    (sum, { topic, partition, offset }) => sum + offset - startOf(topics, topic, partition),
    0,
  );
  log.info({ topics: topics.length, records }, 'reading back large values');
  return await new Replay(options, topics, letters, behind, records).run();
}

class Replay {
  readonly #options: RestoreOptions;
  readonly #topics: ReadonlyMap<string, RestoredTopic & { readonly next: number[] }>;
  readonly #letters: Letters;
  readonly #behind: Map<string, number>;
  readonly #places = new Map<string, ToastPlaces | null>();
  readonly #records: number;

  constructor(
    options: RestoreOptions,
    topics: readonly RestoredTopic[],
    letters: Letters,
    behind: readonly PartitionOffset[],
    records: number,
  ) {
    this.#options = options;
    this.#topics = new Map(topics.map((topic) => [topic.topic, { ...topic, next: [...topic.offsets] }]));
    this.#letters = letters;
    this.#behind = new Map(behind.map((end) => [`${end.topic}/${end.partition}`, end.offset]));
    this.#records = records;
  }

  async run(): Promise<boolean> {
    const { kafka, store, clock, log, signal } = this.#options;
    await using fetcher = kafka.openFetcher({ bufferedBytesMax: BUFFERED_BYTES_MAX });
    const starts = [...this.#topics.values()].flatMap(({ topic, offsets }) =>
      offsets.map((offset, partition) => ({ topic, partition, offset })),
    );
    fetcher.assign(starts.filter(({ topic, partition }) => this.#behind.has(`${topic}/${partition}`)));
    let loggedMs = clock.now();
    let read = 0;
    while (this.#behind.size > 0) {
      if (signal.aborted) return false;
      for (const batch of await fetcher.poll(POLL_MAX_MS)) {
        read += batch.records.length;
        store.apply(await this.#effects(batch), this.#advance(batch), store.position);
      }
      if (!hasPassed(clock.now(), loggedMs, LOG_INTERVAL_MS)) continue;
      loggedMs = clock.now();
      log.info({ read, of: this.#records }, 'reading back large values');
    }
    log.info({ read }, 'large values are read back');
    return true;
  }

  #advance(batch: FetchedBatch): [number, readonly number[]][] {
    const entry = this.#topics.get(batch.topic);
    const name = `${batch.topic}/${batch.partition}`;
    const end = this.#behind.get(name);
    if (entry === undefined || end === undefined) return [];
    if (batch.nextOffset >= end) this.#behind.delete(name);
    entry.next[batch.partition] = batch.nextOffset;
    return [[entry.table.topic, entry.next]];
  }

  async #effects(batch: FetchedBatch): Promise<ToastEffect[]> {
    const entry = this.#topics.get(batch.topic);
    if (entry === undefined) return [];
    const effects: ToastEffect[] = [];
    for (const record of batch.records) {
      const effect = await this.#effect(entry, record);
      if (effect !== null) effects.push(effect);
    }
    return effects;
  }

  async #effect({ table, since, topic }: RestoredTopic, record: ConsumerRecord): Promise<ToastEffect | null> {
    const { key: framedKey, value, headers } = record;
    if (framedKey === null) return null;
    const key = framedKey.subarray(FRAME_BYTES);
    const schemaId = value === null ? null : framedId(value);
    if (value === null || schemaId === null) return goneEffect(table.topic, key);
    const places = await this.#placesOf(table, topic, schemaId);
    const effect = places === null ? null : this.#replayed(table, places, record, { key, value, headers });
    if (places === null || effect === null) return goneEffect(table.topic, key);
    const letter = this.#letters.get(topic)?.get(key.toString('latin1'));
    const isOld = since !== null && places.lsn < since;
    if (isOld || (letter !== undefined && letter >= places.lsn)) return goneEffect(table.topic, key);
    return effect;
  }

  /** Null for a value that something else has written: what the row had is not known then. */
  #replayed(
    table: ToastTable,
    places: ToastPlaces,
    { topic, partition, offset }: ConsumerRecord,
    value: Parameters<typeof replayedEffect>[2],
  ): ToastEffect | null {
    try {
      return replayedEffect(table, places, value);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
      this.#options.log.warn({ topic, partition, offset }, 'a value that cannot be read is passed over');
      return null;
    }
  }

  /** Null for values that something else has written. */
  async #placesOf(table: ToastTable, topic: string, schemaId: number): Promise<ToastPlaces | null> {
    const name = `${topic}/${schemaId}`;
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    let places: ToastPlaces | null = null;
    try {
      const schema = await this.#options.registry.schemaById(schemaId);
      places = new ToastPlaces(schema, table.shape.columns);
    } catch (error) {
      const isUnknown = error instanceof Failure && error.code === 'registry.not_found';
      if (!(error instanceof RangeError) && !isUnknown) throw error;
      this.#options.log.warn({ topic, schemaId, reason: error.message }, 'values are passed over');
    }
    this.#places.set(name, places);
    return places;
  }
}

/** Changes that were set aside are in no topic but that of the letters. */
async function deadLetters(
  { kafka, deadLetterTopic, signal }: RestoreOptions,
  topics: readonly RestoredTopic[],
): Promise<Letters> {
  const letters: Letters = new Map(topics.map(({ topic }) => [topic, new Map<string, Lsn>()]));
  if (!(await exists(kafka, deadLetterTopic))) return letters;
  const partition = { topic: deadLetterTopic, partition: 0 };
  const [start = 0] = await kafka.listOffsets([partition], 'earliest');
  const [end = 0] = await kafka.listOffsets([partition], 'last-stable');
  if (start >= end) return letters;
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...partition, offset: start }]);
  let count = 0;
  for (let next = start; next < end && !signal.aborted;)
    for (const batch of await fetcher.poll(POLL_MAX_MS)) {
      for (const record of batch.records) count += addLetter(letters, record);
      next = batch.nextOffset;
      if (count > LETTERS_MAX)
        throw new Failure(
          'source.toast_letters',
          'stop',
          `more than ${LETTERS_MAX} rows of tables with toast=fill are set aside in ${deadLetterTopic}: too many to read the topics back by`,
          { fix: 'settle the letters and delete the topic, or use --toast mark for these tables' },
        );
    }
  return letters;
}

/** The letters that are new: 0 or 1. */
function addLetter(letters: Letters, { key, headers }: ConsumerRecord): number {
  const header = (name: string): string =>
    headers.find((one) => one.key === name)?.value?.toString('utf8') ?? '';
  const own = letters.get(header('__connect.errors.topic'));
  if (own === undefined || key === null) return 0;
  const body = key.toString('latin1', FRAME_BYTES);
  const isNew = !own.has(body);
  const lsn = header(TOMBSTONE_HEADERS.lsn);
  // A letter of somebody else says nothing of our rows.
  if (!/^\d{1,20}$/.test(lsn)) return 0;
  own.set(body, BigInt(lsn));
  return isNew ? 1 : 0;
}

/** Null for bytes that are not framed. */
function framedId(value: Buffer): number | null {
  return value.length < FRAME_BYTES || value[0] !== 0 ? null : schemaIdOf(value);
}

async function exists(kafka: Kafka, topic: string): Promise<boolean> {
  try {
    await kafka.partitionCount(topic);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === 'kafka.topic_missing') return false;
    throw error;
  }
}

async function endsOf(kafka: Kafka, topics: readonly RestoredTopic[]): Promise<PartitionOffset[]> {
  const partitions = topics.flatMap(({ topic, offsets }) =>
    offsets.map((_, partition) => ({ topic, partition })),
  );
  const ends = await kafka.listOffsets(partitions, 'last-stable');
  return partitions.map((partition, i) => ({ ...partition, offset: ends[i] ?? 0 }));
}

function startOf(topics: readonly RestoredTopic[], name: string, partition: number): number {
  return topics.find(({ topic }) => topic === name)?.offsets[partition] ?? 0;
}

function goneEffect(topic: number, key: Buffer): ToastEffect {
  return { topic, key, gone: true, drops: [], puts: [] };
}
