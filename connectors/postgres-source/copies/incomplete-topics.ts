import type { RefusalBook } from '../shapes/refusal-state.ts';
import type { CopyBook } from './copy-state.ts';

interface Table {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
}

/** What tells whether a topic is a picture of its table. */
interface Completeness {
  readonly copies: Pick<CopyBook, 'state'>;
  readonly refusals: Pick<RefusalBook, 'paused'>;
  readonly topicOf: (table: Table) => string;
}

/**
 * Topics that may lack rows of their tables: of tables that are paused, not published any more, or not copied to their end. That
 * goes for the copy of a whole table that was copied before, too: something was missing, or nobody would have asked for it.
 * A table that was made anew has another oid and the same topic: one that is complete decides.
 */
export function incompleteTopics(
  tables: Iterable<Table>,
  { copies: { state }, refusals, topicOf }: Completeness,
): readonly string[] {
  const copying = new Set(state.open.filter(({ where }) => where === null).map(({ oid }) => oid));
  const copied = new Set(state.copied.filter((oid) => !copying.has(oid)));
  const complete = new Set<string>();
  const incomplete = new Set<string>();
  for (const table of tables) {
    const isWhole = copied.has(table.oid) && refusals.paused(`${table.schema}.${table.table}`) === undefined;
    (isWhole ? complete : incomplete).add(topicOf(table));
  }
  return [...incomplete].filter((topic) => !complete.has(topic)).toSorted();
}
