import type { Kafka, ProducerRecord } from '../kafka/port.ts';
import type { Catalog, PublishedTable } from './shapes/catalog.ts';
import { CopyBook, type CopyState, NO_COPIES, newCopy, reachedCopies } from './copies/copy-state.ts';
import { EndOffsets } from './place/end-offsets.ts';
import { lostTopics } from './place/lost-topics.ts';
import { type EventStream, openEventStream } from './events/event-stream.ts';
import type { SourcePosition } from './place/position.ts';
import { NO_REFUSALS, RefusalBook, type ShapePlace, reachedRefusals } from './shapes/refusal-state.ts';
import type { Relation } from './changes/relation.ts';
import { RewriteWatch } from './watch/rewrite-watch.ts';
import { SchemaBook } from './shapes/schema-book.ts';
import { SchemaChangeTopic } from './shapes/schema-change-topic.ts';
import { type SourceContext, type SourceOptions, sourceNames } from './source-context.ts';
import { includesTable } from './shapes/source-filter.ts';
import { refuseCollisions } from './shapes/topics.ts';

/** What a session publishes, and how far each table is. */
export interface SessionTables {
  readonly tables: readonly PublishedTable[];
  readonly events: EventStream;
  readonly book: SchemaBook;
  readonly copies: CopyBook;
  readonly refusals: RefusalBook;
  readonly ends: EndOffsets;
  /** Null where nobody asks for it. */
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly rewrites: RewriteWatch;
  /** Records that go out with the next Kafka transaction. */
  readonly notes: ProducerRecord[];
}

/**
 * Makes topics and schemas ready for what the publication has now. `kept` is beside the position.
 * `fresh`: the slot is made in this session. `database`: its name.
 */
export async function openTables(
  options: SourceOptions,
  context: SourceContext,
  kafka: Kafka,
  catalog: Catalog,
  stored: SourcePosition | null,
  kept: ReadonlyMap<string, Buffer>,
  fresh: boolean,
  database: string,
): Promise<SessionTables> {
  const ends = new EndOffsets();
  const published = await catalog.publishedTables(options.publicationName);
  const refusals = new RefusalBook(
    stored?.refusals === undefined ? NO_REFUSALS : reachedRefusals(stored.refusals, stored),
  );
  const notes: ProducerRecord[] = [];
  const wantsCopy = (oid: number, at?: ShapePlace): void => {
    rewrites.settled(oid);
    const earlier = copies.copy(oid);
    const moved = at === undefined ? earlier?.moved : { lsn: String(at.lsn), seq: at.seq };
    copies.begin({ ...newCopy(oid, earlier?.initial === true), moved });
  };
  const rewriteOptions = {
    ...options,
    ...context,
    positionTopic: sourceNames(options).positionTopic,
    concerns: (table: Pick<Relation, 'schema' | 'table'>) =>
      includesTable(options, table) && `${table.schema}.${table.table}` !== options.outbox?.table,
    notes,
    wantsCopy,
  };
  const rewrites = new RewriteWatch(rewriteOptions, kept);
  const reach = { ...context, ...options, catalog, kafka, ends, refusals, wantsCopy, database };
  const events = await openEventStream(options, reach, published);
  const book = new SchemaBook(reach);
  const tables = await book.select(published, events.tables);
  refuseCollisions(options.topicPrefix, tables);
  const copies = new CopyBook(firstCopies(stored, fresh, tables));
  await book.begin(tables, fresh);
  if (!fresh) await copyLost(options, context, kafka, { tables, book, copies, ends }, wantsCopy);
  const { topicPrefix, schemaChangeTopic: isTold } = options;
  const schemaChanges = isTold
    ? await SchemaChangeTopic.open(kafka, topicPrefix, book, context.metrics)
    : null;
  return { tables, events, book, copies, refusals, ends, schemaChanges, rewrites, notes };
}

/** A topic that has lost what was published is no picture of its table: all of the table goes there once more. */
async function copyLost(
  options: SourceOptions,
  context: SourceContext,
  kafka: Kafka,
  { tables, book, copies, ends }: Pick<SessionTables, 'tables' | 'book' | 'copies' | 'ends'>,
  wantsCopy: (oid: number) => void,
): Promise<void> {
  const { progressTopic } = sourceNames(options);
  const lost = await lostTopics(kafka, { progressTopic, slotName: options.slotName }, ends, context.log);
  for (const table of tables) {
    const topic = book.topicOf(table);
    if (!lost.has(topic) || !copies.state.copied.includes(table.oid)) continue;
    context.log.error(
      { table: `${table.schema}.${table.table}`, topic },
      'the topic has lost rows that were published: it was deleted, or Kafka has lost its end; the table is copied again',
    );
    wantsCopy(table.oid);
  }
}

/** Every published table is to be copied at first. A position from before chunks says only whether all of them are. */
function firstCopies(
  stored: SourcePosition | null,
  fresh: boolean,
  tables: readonly PublishedTable[],
): CopyState {
  const oids = tables.map(({ oid }) => oid);
  if (!fresh && stored?.copies !== undefined) return reachedCopies(stored.copies, stored);
  if (!fresh && stored?.snapshot === 'done') return { ...NO_COPIES, copied: oids };
  return { ...NO_COPIES, open: oids.map((oid) => newCopy(oid, true)) };
}
