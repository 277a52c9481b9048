import { type Event, KafkaView } from './cdc-topic.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { type SourceProcess, startSource } from './source-process.ts';

/** Tables of a database of the test's own, streamed by a source that logs in as the role of `sql.ts`. */
export interface StreamedTables extends AsyncDisposable {
  /** Its `url` is the role's; its session is a superuser's. */
  readonly database: SourceDatabase;
  readonly view: KafkaView;
  /** The source of now. */
  readonly source: () => SourceProcess;
  readonly topicOf: (table: string) => string;
  /** Everything in the table's topic, once the slot has acknowledged all that is committed now. */
  readonly settled: (table: string) => Promise<Event[]>;
  /** Starts a source, and waits until it streams. */
  readonly start: (flags?: Readonly<Record<string, string>>) => Promise<SourceProcess>;
}

export const STREAMING = '"msg":"streaming"';

/** The slot has acknowledged everything that is committed now. */
export async function acknowledged(database: SourceDatabase): Promise<void> {
  const [[lsn = ''] = []] = await database.sql('SELECT pg_current_wal_lsn()');
  await database.until(
    `SELECT confirmed_flush_lsn >= '${lsn}' FROM pg_replication_slots WHERE slot_name = '${database.name}'`,
  );
}

/** Makes `tables` of schema public by `ddl`, and streams them; every source gets `flags`. */
export async function streamTables(
  ddl: string,
  tables: readonly string[],
  flags: Readonly<Record<string, string>> = {},
): Promise<StreamedTables> {
  const made = await createSourceDatabase();
  await made.sql(ddl);
  const database = { ...made, url: await made.grantSource(tables.map((table) => `public.${table}`)) };
  const view = await KafkaView.open();
  const sources: SourceProcess[] = [];
  const topicOf = (table: string): string => `${database.name}.public.${table}`;
  const start = async (more = {}): Promise<SourceProcess> => {
    const source = startSource(database, { ...flags, ...more });
    sources.push(source);
    await source.logged(STREAMING);
    return source;
  };
  await start();
  return {
    database,
    view,
    source: () => sources.at(-1) as SourceProcess,
    topicOf,
    async settled(table) {
      await acknowledged(database);
      return view.events(topicOf(table));
    },
    start,
    async [Symbol.asyncDispose]() {
      for (const source of sources) await source[Symbol.asyncDispose]();
      await view[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** `op key value` of each event, with the columns of the key and of `value` as text. */
export function told(events: readonly Event[], column = 'v'): string[] {
  return events.map(({ op, key, value }) => {
    const id = key === null ? '-' : Object.values(key).join('/');
    return `${op} ${id} ${value === null ? '-' : String(value[column])}`;
  });
}
