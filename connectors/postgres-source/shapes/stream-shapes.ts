import type { Batcher } from '../publish/batcher.ts';
import type { ChunkWindows } from '../copies/chunk-windows.ts';
import type { Lsn } from '../place/lsn.ts';
import type { OutboxRouter } from '../events/outbox-router.ts';
import type { ShapePlace } from './refusal-state.ts';
import type { Relation } from '../changes/relation.ts';
import type { SchemaBook } from './schema-book.ts';
import type { SchemaChangeTopic } from './schema-change-topic.ts';
import type { TransactionCursor } from '../place/transaction-cursor.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

export interface StreamShapesOptions {
  readonly book: SchemaBook;
  /** It keeps the shape of its own table. */
  readonly outbox: OutboxRouter | null;
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly cursor: TransactionCursor;
  readonly batcher: Batcher;
  readonly windows: ChunkWindows;
}

/** Shapes that the stream announces: what is not known is to be adopted before the next message is read. */
export class StreamShapes {
  readonly #options: StreamShapesOptions;
  #pending: Relation | null = null;
  #place: ShapePlace | null = null;

  constructor(options: StreamShapesOptions) {
    this.#options = options;
  }

  /** A shape waits for {@link adopt}. */
  get isPending(): boolean {
    return this.#pending !== null;
  }

  /** A Relation message. */
  see(relation: Relation, head: TransactionHead): void {
    if (this.#owner(relation).knows(relation)) return this.#tell(relation, head);
    this.announce(relation);
    this.#options.windows.reshape(relation.oid);
  }

  /** The next change may have this shape. */
  announce(relation: Relation): void {
    const { cursor } = this.#options;
    this.#pending = relation;
    this.#place = { lsn: cursor.finalLsn, seq: cursor.seq + 1, replayed: !cursor.nextIsNew };
  }

  /** A chunk has this shape, if any, which the stream has not announced. Its transaction is over. */
  announceChunk(relation: Relation | null, lsn: Lsn, seq: number): void {
    this.#pending = relation;
    this.#place = { lsn, seq, replayed: false };
  }

  /** @throws Failure `registry.*`, `kafka.*`, `source.*` */
  async adopt(head: TransactionHead): Promise<void> {
    const { book } = this.#options;
    const relation = this.#pending;
    if (relation === null) return;
    const owner = this.#owner(relation);
    await (owner === book ? book.adopt(relation, this.#place) : owner.adopt(relation));
    this.#pending = null;
    this.#tell(relation, head);
  }

  /** A shape that is read again, or that no change of this transaction has, is told with a change that has it. */
  #tell(relation: Relation, head: TransactionHead): void {
    const { schemaChanges, cursor, batcher, book } = this.#options;
    if (schemaChanges === null || !cursor.nextIsNew || this.#owner(relation) !== book) return;
    const record = schemaChanges.record(relation, head, cursor.seq + 1);
    if (record !== null) batcher.precede(record);
  }

  /** Who keeps the shape of a relation. */
  #owner(relation: Relation): SchemaBook | OutboxRouter {
    const { outbox, book } = this.#options;
    return outbox?.owns(relation) === true ? outbox : book;
  }
}
