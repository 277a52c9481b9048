/** The fields of a decoded record by name. */
export type Fields = Readonly<Record<string, unknown>>;

/** One record of a topic, decoded. */
export interface Change {
  /** The Avro body of the key, each byte one character (latin1): equal keys have equal texts, and texts sort as bytes do. */
  readonly keyBody: string;
  readonly key: Fields;
  /** Null for a tombstone. */
  readonly row: Fields | null;
  /** Said where `row` would have to be decoded to know. */
  readonly isTombstone?: boolean;
  /** Fields whose value the source did not send: the target keeps the one that it has. */
  readonly unchanged: readonly string[];
  /** What meta columns are filled from; missing where the table has none, or the record does not say. */
  readonly meta?: Fields | undefined;
  /** The end of all rows of the table; key and row say nothing then. */
  readonly isTruncate?: true;
  /** The key as a number, where it is one: in its order an index is written with the least effort. */
  readonly order?: number | undefined;
  /** Of a table that keeps deleted rows: the end of a row that this batch has brought. */
  readonly isDeleted?: true;
}

export interface UpsertGroup {
  readonly unchanged: readonly string[];
  readonly rows: readonly Change[];
}

/** What one batch does to one table. A key is in one place only. */
export interface TableBatch {
  /** All rows from before the batch go first. */
  readonly truncates: boolean;
  /** One group per distinct set of unchanged fields; most batches have one, with none. */
  readonly upserts: readonly UpsertGroup[];
  readonly deletes: readonly Change[];
}

/**
 * Folds changes, in topic order, into the last state of each key, sorted by key (as numbers, where all are, else by their
 * bytes): transactions that touch the same keys then lock rows in the same order. A folded row keeps unchanged fields of the rows before it.
 * @param keepsDeleted the table keeps deleted rows: one that comes and goes within the batch is written too
 */
export function foldChanges(changes: readonly Change[], keepsDeleted = false): TableBatch {
  const last = new Map<string, Change>();
  let truncates = false;
  for (const change of changes) {
    if (change.isTruncate === true) {
      truncates = true;
      if (keepsDeleted) markDeleted(last);
      else last.clear();
      continue;
    }
    const isWhole = hasRow(change) && change.unchanged.length === 0;
    const earlier = isWhole ? undefined : last.get(change.keyBody);
    last.set(change.keyBody, earlier === undefined ? change : merged(earlier, change, keepsDeleted));
  }
  const deletes: Change[] = [];
  const groups = new Map<string, Change[]>();
  const sorted = [...last.values()];
  sorted.sort(sorted.every(({ order }) => order !== undefined) ? byNumber : byKey);
  for (const change of sorted) {
    if (!hasRow(change)) {
      deletes.push(change);
      continue;
    }
    const set = change.unchanged.length === 0 ? '' : JSON.stringify(change.unchanged.toSorted());
    const group = groups.get(set);
    if (group === undefined) groups.set(set, [change]);
    else group.push(change);
  }
  const upserts = [...groups.values()].map((rows) => ({ unchanged: rows[0]?.unchanged ?? [], rows }));
  return { truncates, upserts, deletes };
}

function markDeleted(rows: Map<string, Change>): void {
  for (const [key, change] of rows)
    if (hasRow(change)) rows.set(key, { ...decoded(change), isDeleted: true });
}

function merged(earlier: Change, later: Change, keepsDeleted: boolean): Change {
  if (later.row !== null) return filledFrom(earlier, later, later.row);
  // Of Debezium's two records for one deletion only the first says where it was.
  if (!hasRow(earlier)) return later.meta === undefined ? earlier : later;
  if (!keepsDeleted) return later;
  return { ...decoded(earlier), meta: later.meta ?? earlier.meta, isDeleted: true };
}

/** After a delete nothing is left to keep, so the missing fields are null. */
function filledFrom(earlier: Change, later: Change, laterRow: Fields): Change {
  if (earlier.row === null) return { ...decoded(later), unchanged: [] };
  const row: Record<string, unknown> = { ...laterRow };
  for (const field of later.unchanged) row[field] = earlier.row[field];
  return {
    ...decoded(later),
    row,
    unchanged: later.unchanged.filter((field) => earlier.unchanged.includes(field)),
  };
}

function hasRow(change: Change): boolean {
  return change.isTombstone === undefined ? change.row !== null : !change.isTombstone;
}

/** As a plain object, which may be spread. */
function decoded({ keyBody, key, row, unchanged, meta, order }: Change): Change {
  return {
    keyBody,
    key,
    row,
    unchanged,
    ...(meta === undefined ? {} : { meta }),
    ...(order === undefined ? {} : { order }),
  };
}

function byNumber(a: Change, b: Change): number {
  return (a.order ?? 0) - (b.order ?? 0);
}

function byKey(a: Change, b: Change): number {
  return a.keyBody < b.keyBody ? -1 : a.keyBody > b.keyBody ? 1 : 0;
}
