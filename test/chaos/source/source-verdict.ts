import { identifier } from '../../../connectors/postgres-source/wire/sql-text.ts';
import { tableTopicName } from '../../../connectors/postgres-source/shapes/topics.ts';
import { kcatBytes } from '../../support/kcat-bytes.ts';
import { schemaReaders } from '../schema-readers.ts';
import { type ChaosTable, NUMBER_COLUMN, VERSION_COLUMN, presentNames } from './chaos-table.ts';
import type { DatabaseSession } from './database-session.ts';
import { Findings } from '../findings.ts';
import { Identities } from './identities.ts';
import { type TableContent, compareKeyless, compareTable } from './table-comparison.ts';
import { textSql } from './text-sql.ts';
import { TopicFold } from './topic-fold.ts';

export interface JudgedSource {
  readonly session: DatabaseSession;
  readonly brokers: string;
  readonly registryUrl: string;
  readonly topicPrefix: string;
  readonly tables: readonly ChaosTable[];
  /** Everything that the source's processes have logged. */
  readonly logs: string;
  readonly say: (line: string) => void;
}

/** What was found. */
export interface SourceVerdict {
  /** Rows of the tables. */
  readonly rows: number;
  /** Records of the topics. */
  readonly records: number;
  readonly findings: Findings;
}

/** Reads every table and every topic to its end and compares them. Nothing may change meanwhile. */
export async function judgeSource(judged: JudgedSource): Promise<SourceVerdict> {
  const { session, tables, say } = judged;
  const findings = new Findings();
  const shared = {
    findings,
    identities: new Identities(findings),
    readerOf: schemaReaders(judged.registryUrl),
  };
  let rows = 0;
  let records = 0;
  for (const table of tables) {
    const isMissTold = hasMissed(judged.logs, table.name);
    const content = await tableContent(session, table, isMissTold);
    const topic = tableTopicName(judged.topicPrefix, { schema: 'public', table: table.name });
    const columnOf = presentNames(table);
    const numberColumn = table.key.length === 0 ? NUMBER_COLUMN : null;
    const versionColumn = isVersioned(table) ? VERSION_COLUMN : null;
    const fold = new TopicFold({ ...shared, topic, columnOf, numberColumn, versionColumn });
    for await (const record of kcatBytes(judged.brokers, topic)) await fold.add(record);
    let told = isMissTold ? '; the source has told of values that it does not know' : '';
    if (table.key.length > 0) compareTable(content, fold, findings);
    else {
      const copies = copiesBegun(judged.logs, table.name);
      const count = compareKeyless(content, fold, copies, findings);
      told += `; its copies were begun ${copies} times, ${count} rows are there more than once for that`;
    }
    say(`${table.name}: ${content.rows.size} rows, ${fold.records} records${told}`);
    rows += content.rows.size;
    records += fold.records;
  }
  return { rows, records, findings };
}

/**
 * The numbers of a key grow with its changes. Not where two rows swap their keys: the first has its number when the second
 * is still waited for, and whoever holds that one may give it a higher number and commit it under its key of before.
 */
function isVersioned({ key, canSwap }: ChaosTable): boolean {
  return key.length > 0 && !canSwap;
}

async function tableContent(
  session: DatabaseSession,
  table: ChaosTable,
  isMissTold: boolean,
): Promise<TableContent> {
  const { name, key } = table;
  const version = { name: VERSION_COLUMN, type: 'bigint' };
  const columns = key.length === 0 ? table.columns : [...table.columns, version];
  const told = key.length === 0 ? [NUMBER_COLUMN] : key;
  const texts = [
    ...told.map((column) => textSql(identifier(column), 'text')),
    ...columns.map((column) => textSql(identifier(column.name), column.type)),
  ];
  const rows = await session.sql(`SELECT ${texts.join(', ')} FROM ${name}`);
  const columnOf = presentNames(table);
  const defaults = new Map<string, string | null>();
  for (const [first, text] of table.defaults) {
    const present = columnOf(first);
    if (present !== undefined) defaults.set(present, text);
  }
  return {
    name,
    columns: columns.map((column) => column.name),
    rows: new Map(rows.map((row) => [keyOf(table, row.slice(0, told.length)), row.slice(told.length)])),
    defaults,
    isMissTold,
  };
}

/** A row of a table without a key is told by its number alone. */
function keyOf({ key }: ChaosTable, texts: readonly (string | null)[]): string {
  return key.length === 0 ? (texts[0] ?? '') : JSON.stringify(texts);
}

/** The source has told, and counted, an event that lacks a value which it does not know. */
function hasMissed(logs: string, table: string): boolean {
  return logs
    .split('\n')
    .some((line) => line.includes('is not known: the event names it') && line.includes(`"public.${table}"`));
}

/**
 * How often at most a copy of a table without a key was begun: with each session until the first one was done, and with
 * each backfill. One that began again had published a part.
 */
function copiesBegun(logs: string, table: string): number {
  const lines = logs.split('\n');
  const ofTable = (line: string, said: string): boolean =>
    line.includes(said) && line.includes(`"table":"public.${table}"`);
  const end = lines.findIndex(
    (line) => ofTable(line, '"msg":"table read"') || ofTable(line, '"msg":"table copied"'),
  );
  return lines.filter(
    (line, i) =>
      (i <= end && (line.includes('"msg":"listening"') || line.includes('"msg":"starting again'))) ||
      ofTable(line, '"msg":"backfill begins"') ||
      ofTable(line, 'its copy is begun again'),
  ).length;
}
