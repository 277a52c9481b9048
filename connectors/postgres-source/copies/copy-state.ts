import { z } from 'zod';
import { isReached, place } from '../shapes/refusal-state.ts';
import type { StreamPosition } from '../place/transaction-cursor.ts';

/** A table that is being copied, and the place that is in Kafka. */
const tableCopy = z.object({
  oid: z.number().int(),
  /** Part of the first copy of all: progress cuts wait for it. */
  initial: z.boolean(),
  /** SQL that chooses the rows of a backfill, null for all. */
  where: z.string().nullable(),
  /** Key of the last row that is in Kafka, in the order of the key, as Postgres prints it. */
  cursor: z.array(z.string()).nullable(),
  /** Key of the last row when the copy began: what comes behind it arrives by the stream. Null before the first chunk. */
  last: z.array(z.string()).nullable(),
  chunks: z.number().int(),
  rows: z.number().int(),
  /** LSN from which on the topic tells of the table; absent where it did before, or where nobody needs to know. */
  since: z.string().regex(/^\d+$/).optional(),
  /** Nothing is read until somebody asks to go on. */
  paused: z.boolean().default(false),
  /** The change from which on the table has a new topic, which this copy fills; absent where it has the one it had. */
  moved: z.object(place).readonly().optional(),
});

/** How far the copies of the tables are: a part of the position. */
export const copyState = z.object({
  /** Oids of the tables that need no copy any more. */
  copied: z.array(z.number().int()).readonly(),
  open: z.array(tableCopy.readonly()).readonly(),
});

export type TableCopy = Readonly<z.output<typeof tableCopy>>;
export type CopyState = Readonly<z.output<typeof copyState>>;

export const NO_COPIES: CopyState = { copied: [], open: [] };

/** A copy from the first row on. */
export function newCopy(oid: number, initial: boolean, where: string | null = null): TableCopy {
  return { oid, initial, where, cursor: null, last: null, chunks: 0, rows: 0, paused: false };
}

/** Copies to new topics that lie ahead of the position are ordinary ones: the stream comes there again, and decides again. */
export function reachedCopies(state: CopyState, position: StreamPosition): CopyState {
  const open = state.open.map((copy) =>
    copy.moved === undefined || isReached(copy.moved, position) ? copy : { ...copy, moved: undefined },
  );
  return { ...state, open };
}

/** The same copy from its first row on. */
export function restarted(copy: TableCopy): TableCopy {
  return { ...copy, cursor: null, last: null, chunks: 0, rows: 0 };
}

/**
 * The state that goes into the next Kafka transaction. It is changed in one step with the rows that it speaks of, and
 * read in one step with the records that are sent.
 */
export class CopyBook {
  state: CopyState;

  constructor(state: CopyState) {
    this.state = state;
  }

  /** Every table of the first copy is in Kafka. */
  get initialDone(): boolean {
    return this.state.open.every((copy) => !copy.initial);
  }

  /** The copy of a table that is not finished. */
  copy(oid: number): TableCopy | undefined {
    return this.state.open.find((copy) => copy.oid === oid);
  }

  /** The first copies begin here: what the topics have from before is of another time. */
  sinceNow(lsn: bigint): void {
    const open = this.state.open.map((copy) => ({ ...copy, since: String(lsn) }));
    this.state = { ...this.state, open };
  }

  /** Begins a copy, or begins one again. */
  begin(copy: TableCopy): void {
    const others = this.state.open.filter(({ oid }) => oid !== copy.oid);
    this.state = { ...this.state, open: [...others, copy] };
  }

  /** A chunk is published; the same place in the list, so that tables are copied in a stable order. */
  advance(copy: TableCopy): void {
    const open = this.state.open.map((other) => (other.oid === copy.oid ? copy : other));
    this.state = { ...this.state, open };
  }

  finish(oid: number): void {
    const others = this.state.copied.filter((copied) => copied !== oid);
    this.state = { copied: [...others, oid], open: this.state.open.filter((copy) => copy.oid !== oid) };
  }

  /** Tables that are no longer published: one that comes back has missed changes. */
  keepOnly(oids: ReadonlySet<number>): void {
    this.state = {
      copied: this.state.copied.filter((oid) => oids.has(oid)),
      open: this.state.open.filter(({ oid }) => oids.has(oid)),
    };
  }

  /** Published tables that were neither copied nor are being copied. */
  unknown(oids: Iterable<number>): number[] {
    return [...oids].filter((oid) => !this.state.copied.includes(oid) && this.copy(oid) === undefined);
  }
}
