import { type TableKind, VERSIONS_SQL } from '../chaos/source/chaos-table.ts';

/** Rows that a change may meet; the customers are fewer than the numbers that orders name, so that some name nobody. */
const ORDERS = 900;
const CUSTOMERS = 700;

const changed = { canUpsert: true, canSwap: false, canMove: true } as const;

/** Tables of rows that come, change, move and go, and that pipelines join. */
export const JOINED_KINDS: readonly TableKind[] = [
  {
    kind: 'orders',
    ddl: (name) => `CREATE TABLE ${name} (id bigint PRIMARY KEY, customer int, amount int, note text)`,
    key: ['id'],
    keySql: (n) => [`(${n})::bigint`],
    rows: ORDERS,
    ...changed,
  },
  {
    kind: 'customers',
    ddl: (name) => `CREATE TABLE ${name} (id bigint PRIMARY KEY, name text, tier text)`,
    key: ['id'],
    keySql: (n) => [`(${n})::bigint`],
    rows: CUSTOMERS,
    ...changed,
  },
];

/** Logs of events, with the time of the event in `at` (milliseconds), and the rows that they are to be seen with. */
export const EVENT_TABLES = ['clicks', 'buys', 'profiles'] as const;

/**
 * The tables of events, and `profile_versions`, which is not published: every row that a profile has ever been, each
 * under the transaction that wrote it.
 */
export const EVENT_TABLES_SQL = `${VERSIONS_SQL};
  CREATE TABLE clicks (id bigint PRIMARY KEY, visitor bigint NOT NULL, at bigint NOT NULL, page text);
  CREATE TABLE buys (id bigint PRIMARY KEY, visitor bigint NOT NULL, at bigint NOT NULL, amount bigint);
  CREATE TABLE profiles (visitor bigint PRIMARY KEY, plan text);
  CREATE TABLE profile_versions (visitor bigint, plan text, no bigint GENERATED ALWAYS AS IDENTITY);
  CREATE INDEX ON profile_versions (visitor, no);
  CREATE FUNCTION keep_version() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO profile_versions (visitor, plan) VALUES (NEW.visitor, NEW.plan); RETURN NEW; END $$;
  CREATE TRIGGER kept AFTER INSERT OR UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION keep_version();
  CREATE FUNCTION committed_ms(xid) RETURNS bigint LANGUAGE sql STRICT AS
    $$ SELECT floor(extract(epoch FROM pg_xact_commit_timestamp($1)) * 1000)::bigint $$`;
