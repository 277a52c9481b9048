import { join } from 'node:path';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { Kafka } from '../../kafka/port.ts';
import type { PublishedTable } from '../shapes/catalog.ts';
import type { CopyBook } from '../copies/copy-state.ts';
import { deadLetterTopic } from '../records/dead-letter.ts';
import type { EndOffsets } from '../place/end-offsets.ts';
import type { SourcePosition } from '../place/position.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { SchemaBook } from '../shapes/schema-book.ts';
import type { SourceMetrics } from '../source-metrics.ts';
import { ToastFill } from './toast-fill.ts';
import { type RestoredTopic, restoreToast } from './toast-restore.ts';
import { READ_IN_PART, ToastStore, type ToastTopic } from './toast-store.ts';

export interface ToastFillRequest {
  readonly stateDir: string;
  readonly topicPrefix: string;
  readonly slotName: string;
  readonly identity: Pick<SourcePosition, 'systemId' | 'slot' | 'publicationOid'>;
  /** What is in Kafka; null when nothing was read before. */
  readonly stored: SourcePosition | null;
  readonly ends: EndOffsets;
  readonly copies: CopyBook;
  readonly metrics: SourceMetrics;
  readonly log: Log;
}

/** Nothing is opened before the first table that has large values. */
export function toastFill(request: ToastFillRequest): ToastFill {
  const { stateDir, topicPrefix, slotName, stored, metrics } = request;
  const plain = `${topicPrefix}.${slotName}`.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  const path = join(stateDir, `${plain}.toast.sqlite`);
  const identity = { ...request.identity, topicPrefix };
  return new ToastFill({
    ...request,
    openStore: () => ToastStore.open(path, identity, stored?.endLsn ?? null),
    onMiss: ({ schema }) => metrics.unchangedMissing(schema.schema, schema.table),
  });
}

export interface ToastStartOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly book: SchemaBook;
  readonly copies: CopyBook;
  readonly tables: readonly PublishedTable[];
  readonly topicPrefix: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Brings the store of large values to where Kafka is: from what it has, or from nothing where that is of no use. False
 * when the signal ended it early.
 * @throws Failure `source.toast_store`, `source.toast_letters`, `registry.*`
 */
export async function startToast(fill: ToastFill, options: ToastStartOptions): Promise<boolean> {
  const { book, tables, topicPrefix } = options;
  const topics: RestoredTopic[] = [];
  for (const { oid } of tables) {
    const encoder = book.encoder(oid) ?? null;
    if (encoder !== null && encoder.schema.toast !== null)
      topics.push(await openTopic(fill, options, encoder, oid));
  }
  if (topics.length === 0) return true;
  const letters = { deadLetterTopic: deadLetterTopic(topicPrefix).name };
  if (!(await restoreToast({ ...options, ...letters, store: fill.store }, topics))) return false;
  fill.restored();
  return true;
}

async function openTopic(
  fill: ToastFill,
  { kafka, copies }: ToastStartOptions,
  encoder: RowEncoder,
  oid: number,
): Promise<RestoredTopic> {
  const { topic } = encoder.target;
  const { store } = fill;
  const count = await kafka.partitionCount(topic);
  const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
  const first = await kafka.listOffsets(partitions, 'earliest');
  const last = await kafka.listOffsets(partitions, 'last-stable');
  const since = fill.since(oid);
  const isWhole = copies.state.copied.includes(oid);
  let entry = store.topic(topic);
  const isUsable =
    entry?.oid === oid &&
    (isWhole ? entry.since !== READ_IN_PART : since !== null && entry.since === since) &&
    fits(entry, first, last);
  // A table that nobody has begun to copy yet: what its topic has is of another time.
  const offsets = isWhole || since !== null ? first : last;
  if (entry === null || !isUsable) entry = store.begin(topic, oid, since, offsets);
  fill.open(topic, entry.id);
  const table = fill.tableOf(encoder, entry.id);
  return { topic, table, since: entry.since, offsets: entry.offsets };
}

/** A topic that was made anew, or that has lost what was not read yet. */
function fits({ offsets }: ToastTopic, first: readonly number[], last: readonly number[]): boolean {
  return (
    offsets.length === last.length &&
    offsets.every((offset, i) => offset >= (first[i] ?? 0) && offset <= (last[i] ?? 0))
  );
}
