import { z } from 'zod';
import type { Lsn } from '../place/lsn.ts';
import type { StreamPosition } from '../place/transaction-cursor.ts';

/** A table's first change in a shape: commit LSN as decimal text, and the change's place in its transaction. */
export const place = { lsn: z.string().regex(/^\d+$/), seq: z.number().int().nonnegative() };

const pausedTable = z.object({
  /** `schema.table`. */
  table: z.string(),
  /** The relation that was refused, as its fingerprint. */
  shape: z.string(),
  reason: z.string(),
  ...place,
});

const topicVersion = z.object({
  table: z.string(),
  /** 2 or more: `<prefix>.<schema>.<table>.v2`. */
  version: z.number().int().min(2),
  ...place,
});

/** What shapes that were refused have led to: a part of the position. */
export const refusalState = z.object({
  paused: z.array(pausedTable.readonly()).readonly(),
  versions: z.array(topicVersion.readonly()).readonly(),
});

type PausedTable = Readonly<z.output<typeof pausedTable>>;
export type RefusalState = Readonly<z.output<typeof refusalState>>;

export const NO_REFUSALS: RefusalState = { paused: [], versions: [] };

/** Where the stream is when it announces a shape. */
export interface ShapePlace {
  readonly lsn: Lsn;
  /** Of the first change in that shape. */
  readonly seq: number;
  /** That change is in Kafka already: the stream is read again from before it. */
  readonly replayed: boolean;
}

/**
 * The state that goes into the next Kafka transaction, which may be ahead of its rows: a batch is published while the
 * next one is read. So each entry has its place, and one that the position has not come to is forgotten at the start.
 */
export class RefusalBook {
  state: RefusalState;

  constructor(state: RefusalState) {
    this.state = state;
  }

  /** Of the table's topic, 1 for the first. */
  version(table: string): number {
    return this.state.versions.find((entry) => entry.table === table)?.version ?? 1;
  }

  paused(table: string): PausedTable | undefined {
    return this.state.paused.find((entry) => entry.table === table);
  }

  /** The first place counts: rows are missing from there on. */
  pause(table: string, at: ShapePlace, shape: string, reason: string): void {
    if (this.paused(table) !== undefined) return;
    const entry = { table, shape, reason, lsn: String(at.lsn), seq: at.seq };
    this.state = { ...this.state, paused: [...this.state.paused, entry] };
  }

  resume(table: string): void {
    this.state = { ...this.state, paused: this.state.paused.filter((entry) => entry.table !== table) };
  }

  moveTo(table: string, version: number, at: ShapePlace): void {
    const others = this.state.versions.filter((entry) => entry.table !== table);
    const entry = { table, version, lsn: String(at.lsn), seq: at.seq };
    this.state = { ...this.state, versions: [...others, entry] };
  }
}

/** True when what happened at the place is in Kafka. */
export function isReached(
  { lsn, seq }: { readonly lsn: string; readonly seq: number },
  { endLsn, open }: StreamPosition,
): boolean {
  const at = BigInt(lsn);
  return at < endLsn || (open !== null && open.finalLsn === at && seq <= open.seq);
}

/** Without what lies ahead of the position: the stream comes there again, and decides again. */
export function reachedRefusals(state: RefusalState, position: StreamPosition): RefusalState {
  const reached = (entry: { readonly lsn: string; readonly seq: number }): boolean =>
    isReached(entry, position);
  return { paused: state.paused.filter(reached), versions: state.versions.filter(reached) };
}
