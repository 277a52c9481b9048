import { Failure } from '../../../infra/process/failure.ts';
import type { Relation } from '../changes/relation.ts';
import { type NamePattern, namePattern, patternList } from './name-pattern.ts';

export const MESSAGE_KEY_SYNTAX = 'PATTERN:column[,column…]';

/** The columns of the message key of tables whose `schema.table` matches, in the order of the key. */
export interface MessageKeyRule {
  readonly pattern: NamePattern;
  readonly columns: readonly string[];
}

export interface MessageKeyOptions {
  /** The first rule that matches a table counts; any other table has its own key. */
  readonly messageKeyColumns: readonly MessageKeyRule[];
}

type TableName = Pick<Relation, 'schema' | 'table'>;

/**
 * Reads `PATTERN:column[,column…]`, separated by semicolons, as Debezium's `message.key.columns`.
 * @throws SyntaxError that names the item which is none
 */
export function parseMessageKeys(text: string): MessageKeyRule[] {
  const items = text.split(';').map((item) => item.trim());
  return items
    .filter((item) => item !== '')
    .map((item) => {
      // A pattern may have a colon, as in (?:a|b); the columns, behind the last one, have none.
      const colon = item.lastIndexOf(':');
      const columns = patternList(item.slice(colon + 1));
      if (colon <= 0 || columns.length === 0 || new Set(columns).size < columns.length)
        throw new SyntaxError(`"${item}": ${MESSAGE_KEY_SYNTAX} is expected, each column once`);
      return { pattern: namePattern(item.slice(0, colon).trim()), columns };
    });
}

/** Null for a table that keeps its own key. */
export function messageKeyOf(
  options: MessageKeyOptions,
  { schema, table }: TableName,
): readonly string[] | null {
  const name = `${schema}.${table}`;
  return options.messageKeyColumns.find(({ pattern }) => pattern.regex.test(name))?.columns ?? null;
}

/** @throws Failure `source.filter_unmatched` (stop) that lists the patterns which match no table of the publication */
export function refuseUnmatchedKeys(options: MessageKeyOptions, published: readonly TableName[]): void {
  const names = published.map(({ schema, table }) => `${schema}.${table}`);
  const unmatched = options.messageKeyColumns
    .filter(({ pattern }) => !names.some((name) => pattern.regex.test(name)))
    .map(({ pattern }) => pattern.text);
  if (unmatched.length === 0) return;
  throw new Failure(
    'source.filter_unmatched',
    'stop',
    `--message-key-columns: ${unmatched.length} pattern(s) match none of ${names.length} published tables: ${unmatched.join(', ')}`,
    { fix: 'correct the pattern: it must match the whole of schema.table' },
  );
}

/**
 * Places of the message key's columns. The end of a row is told under its key, and so is a new one: what Postgres sends
 * of the row before has to have every column of it.
 * @param own places of the table's own key
 * @throws Failure `source.message_key` (stop)
 */
export function messageKeyPlaces(
  relation: Relation,
  own: readonly number[],
  columns: readonly string[],
): readonly number[] {
  const name = `${relation.schema}.${relation.table}`;
  const places = columns.map((column) => relation.columns.findIndex((known) => known.name === column));
  const absent = columns.filter((_, i) => places[i] === -1);
  if (absent.length > 0)
    throw keyFailure(
      `the message key of ${name} is to have ${absent.join(', ')}, and the table has no such column`,
      'correct --message-key-columns, in the letter case of the database',
    );
  if (own.length === 0)
    throw keyFailure(
      `${name} has no primary key and no identity index: a copy of it cannot be told from the stream, so it takes no message key`,
      `give ${name} a primary key, or ALTER TABLE ${name} REPLICA IDENTITY USING INDEX …`,
    );
  const unsent = columns.filter((_, i) => relation.columns[places[i] ?? -1]?.inIdentity !== true);
  if (unsent.length > 0 && relation.identity !== 'f' && relation.identity !== 'n')
    throw keyFailure(
      `the message key of ${name} is to have ${unsent.join(', ')}, which Postgres does not send of rows that are deleted or get another key`,
      `ALTER TABLE ${name} REPLICA IDENTITY FULL, which takes more WAL`,
    );
  return places;
}

/**
 * In the row envelope the end of a row is a tombstone: under a key that other rows have too it would end those.
 * @throws Failure `source.message_key` (stop)
 */
export function refuseSharedKey(
  relation: Relation,
  { key, ownKey }: { readonly key: readonly number[]; readonly ownKey: readonly number[] },
): void {
  const name = `${relation.schema}.${relation.table}`;
  const missing = ownKey.filter((i) => !key.includes(i)).map((i) => relation.columns[i]?.name);
  if (missing.length === 0) return;
  throw keyFailure(
    `the message key of ${name} lacks ${missing.join(', ')} of its own key: rows may share it, and the tombstone of one would end the others`,
    `add ${missing.join(', ')} to --message-key-columns, take --envelope debezium, whose deletions tell the row, or group by the columns in a processor`,
  );
}

function keyFailure(message: string, fix: string): Failure {
  return new Failure('source.message_key', 'stop', message, { fix });
}
