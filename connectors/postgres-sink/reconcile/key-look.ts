import type { Difference, DifferenceKind, HashedRow } from './key-merge.ts';
import { type SideSql, type Sides, hashedRow } from './range-comparison.ts';

/** A key that differed, with all that the source has shown for it. */
export interface OpenKey {
  readonly key: string;
  readonly shown: readonly string[];
  kind: DifferenceKind;
  /** Hashes of the source's row at each look, null where it had none. */
  readonly seen: Set<string | null>;
}

export function openKey({ key, shown, kind, source }: Difference): OpenKey {
  return { key, shown, kind, seen: new Set([source]) };
}

/**
 * Looks again at these keys only. A key is settled when the target shows what the source shows now or has shown at an
 * earlier look: that row was on its way. Gives those that are still open. Both sessions are inside a transaction.
 */
export async function lookAgain(sides: Sides, open: readonly OpenKey[]): Promise<OpenKey[]> {
  const [ours, theirs] = await Promise.all([rowsOf(sides.source, open), rowsOf(sides.target, open)]);
  return open.filter((key) => {
    const [source, target] = [ours.get(key.key)?.hash ?? null, theirs.get(key.key)?.hash ?? null];
    key.seen.add(source);
    if (key.seen.has(target)) return false;
    key.kind = target === null ? 'missing' : source === null ? 'extra' : 'different';
    return true;
  });
}

/** A column whose value differs; null is SQL's. */
export interface ColumnDifference {
  readonly name: string;
  readonly source: string | null;
  readonly target: string | null;
}

/** The columns that differ, by key. Both sessions are inside the transaction that showed the difference. */
export async function differingColumns(
  sides: Sides,
  keys: readonly OpenKey[],
): Promise<ReadonlyMap<string, readonly ColumnDifference[]>> {
  const different = keys.filter(({ kind }) => kind === 'different');
  if (different.length === 0) return new Map();
  const [ours, theirs] = await Promise.all(
    [sides.source, sides.target].map(({ session, sql }) =>
      session.query(sql.columnsByKey, keyValues(different)),
    ),
  );
  const { columns } = sides.comparison.source;
  const targets = new Map((theirs?.rows ?? []).map((row) => [row[0], row]));
  return new Map(
    (ours?.rows ?? []).map((row) => {
      const twin = targets.get(row[0] ?? null) ?? [];
      const differing = columns.flatMap(({ name }, i): ColumnDifference[] => {
        const [text, shown] = [1 + 2 * i, 2 + 2 * i];
        if (row[text] === twin[text]) return [];
        return [{ name, source: row[shown] ?? null, target: twin[shown] ?? null }];
      });
      return [String(row[0]), differing];
    }),
  );
}

async function rowsOf({ session, sql }: SideSql, keys: readonly OpenKey[]): Promise<Map<string, HashedRow>> {
  const { rows } = await session.query(sql.byKey, keyValues(keys));
  return new Map(rows.map((row) => [String(row[0]), hashedRow(row)]));
}

/** An array per key column. */
function keyValues(keys: readonly OpenKey[]): string[][] {
  const [first] = keys;
  return (first?.shown ?? []).map((_, i) => keys.map(({ shown }) => shown[i] ?? ''));
}
