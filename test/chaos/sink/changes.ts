import { type Random, pick, whole } from '../fault-lane.ts';
import { seededRandom } from '../seeded-random.ts';
import { type SinkTable, TABLES, keyText } from './sink-tables.ts';

const CHANGES_MAX = 40;
/** More than a transaction has changes. */
const VERSIONS_PER_TRANSACTION = 100;
/** Few keys change all the time, most now and then. */
const HOT = { share: 0.3, keys: 5 };
const KEYS = 300;
/** Rows that are never changed again: if they are left out, nothing else makes up for it. */
const ONCE_SHARE = 0.15;
const ONCE_FROM = 1_000_000;
const DELETED_SHARE = 0.15;
const UNCHANGED_SHARE = 0.2;
const NULL_SHARE = 0.1;
const AMOUNT_BELOW = 1_000;
const BODY_WORDS = 40;

/** A change of one row, as it stands in its topic. */
export interface Change {
  readonly table: SinkTable;
  /** The row's number. */
  readonly id: number;
  /** Of all changes of the writer, in its order: it says which one a row is from. */
  readonly version: number;
  /** Null deletes the row. */
  readonly row: { readonly amount: number | null; readonly body: string | null } | null;
  /** The record does not have the body: the row keeps the one that it has. */
  readonly keepsBody: boolean;
}

/** What the writer writes in one Kafka transaction: of the seed and the number alone. */
export function changesOf(seed: number, number: number): Change[] {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
  const firstVersion = (number + 1) * VERSIONS_PER_TRANSACTION;
  return Array.from({ length: 1 + whole(random, CHANGES_MAX) }, (_, i) => change(random, firstVersion + i));
}

function change(random: Random, version: number): Change {
  const table = pick(random, TABLES);
  if (random() < ONCE_SHARE)
    return { table, id: ONCE_FROM + version, version, row: row(random, version), keepsBody: false };
  const id = random() < HOT.share ? whole(random, HOT.keys) : whole(random, KEYS);
  if (random() < DELETED_SHARE) return { table, id, version, row: null, keepsBody: false };
  const keepsBody = table.hasUnchanged && random() < UNCHANGED_SHARE;
  const { amount, body } = row(random, version);
  return { table, id, version, row: { amount, body: keepsBody ? null : body }, keepsBody };
}

function row(random: Random, version: number): { amount: number | null; body: string | null } {
  return {
    amount: random() < NULL_SHARE ? null : whole(random, AMOUNT_BELOW),
    body:
      random() < NULL_SHARE ? null : `body of ${version}${' and so on'.repeat(whole(random, BODY_WORDS))}`,
  };
}

/** What committed changes make of the tables. */
export interface Committed {
  /** By table: the columns behind the key as texts, by key. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<string, RowText>>;
  /** By table: all versions of a key in their order. */
  readonly history: ReadonlyMap<string, ReadonlyMap<string, readonly Version[]>>;
}

/** `version`, `amount` and `body`. */
export type RowText = readonly (string | null)[];

export interface Version {
  readonly version: number;
  readonly isDeletion: boolean;
}

/** Folds changes by key. */
export function committed(changes: Iterable<Change>): Committed {
  const rows = new Map(TABLES.map(({ name }) => [name, new Map<string, RowText>()]));
  const history = new Map(TABLES.map(({ name }) => [name, new Map<string, Version[]>()]));
  for (const each of changes) {
    const { table, id, version } = each;
    const key = keyText(table, id);
    const versions = history.get(table.name)?.get(key) ?? [];
    versions.push({ version, isDeletion: each.row === null });
    history.get(table.name)?.set(key, versions);
    const own = rows.get(table.name);
    if (each.row === null) {
      own?.delete(key);
      continue;
    }
    const { amount } = each.row;
    const body = each.keepsBody ? (own?.get(key)?.[2] ?? null) : each.row.body;
    own?.set(key, [String(version), amount === null ? null : String(amount), body]);
  }
  return { rows, history };
}
