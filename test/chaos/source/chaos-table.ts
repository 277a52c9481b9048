/** A column as the catalog has it now. */
export interface ChaosColumn {
  readonly name: string;
  /** As `format_type()` names it. */
  readonly type: string;
  readonly isNullable: boolean;
}

/** How a kind of table is made, and what may be done to it. */
export interface TableKind {
  readonly kind: string;
  /** CREATE TABLE and what belongs to it, for this name. */
  readonly ddl: (name: string) => string;
  /** Key columns, none for a table that is only inserted into. */
  readonly key: readonly string[];
  /** SQL of the key columns' values for row number `n`, an SQL expression. */
  readonly keySql: (n: string) => readonly string[];
  /** Rows that are changed again and again are 1 to this. */
  readonly rows: number;
  readonly canUpsert: boolean;
  /** Keys of two rows may be swapped in one statement. */
  readonly canSwap: boolean;
  /** Keys may be changed. */
  readonly canMove: boolean;
}

/** A table of the scenario. */
export interface ChaosTable extends TableKind {
  readonly name: string;
  /** Columns that are no part of the key; kept up to date by who changes them. */
  columns: readonly ChaosColumn[];
  /** Name to next name, as it was asked for: a name is never used twice in a table. */
  readonly renames: (readonly [from: string, to: string])[];
  /** Columns that were added with a default, by their first name: the default as the topic's reader tells values. */
  readonly defaults: Map<string, string>;
}

export function chaosTable(kind: TableKind, name: string): ChaosTable {
  return { ...kind, name, columns: [], renames: [], defaults: new Map() };
}

/** Gives a name that a column had once its present name; undefined where it is gone. */
export function presentNames(table: ChaosTable): (written: string) => string | undefined {
  const present = new Set([
    ...table.key,
    NUMBER_COLUMN,
    VERSION_COLUMN,
    ...table.columns.map(({ name }) => name),
  ]);
  const next = new Map<string, string[]>();
  for (const [from, to] of table.renames) next.set(from, [...(next.get(from) ?? []), to]);
  const known = new Map<string, string | undefined>();
  const follow = (name: string): string | undefined =>
    present.has(name) ? name : (next.get(name) ?? []).map(follow).find((found) => found !== undefined);
  return (written) => {
    if (!known.has(written)) known.set(written, follow(written));
    return known.get(written);
  };
}

/** Tables that are there from the beginning. */
export const FIRST_KINDS: readonly TableKind[] = [
  {
    kind: 'bigint',
    ddl: (
      name,
    ) => `CREATE TABLE ${name} (id bigint PRIMARY KEY, amount numeric(12,2), note text, at timestamptz,
      flag boolean NOT NULL DEFAULT false, small int)`,
    key: ['id'],
    keySql: (n) => [`(${n})::bigint`],
    rows: 1_500,
    canUpsert: true,
    canSwap: false,
    canMove: true,
  },
  {
    kind: 'composite',
    ddl: (
      name,
    ) => `CREATE TABLE ${name} (no int, region text, "odd näme" text, total double precision, doc jsonb,
      tags text[], PRIMARY KEY (region, no))`,
    key: ['region', 'no'],
    keySql: (n) => [`(ARRAY['eu', 'EU ', '', 'ümlaut', 'a"b,c=d'])[1 + abs(${n}) % 5]`, `(${n})::int`],
    rows: 800,
    canUpsert: true,
    canSwap: false,
    canMove: true,
  },
  {
    kind: 'toast',
    ddl: (name) => `CREATE TABLE ${name} (id uuid PRIMARY KEY, note text, body text, revision int);
      ALTER TABLE ${name} ALTER body SET STORAGE EXTERNAL`,
    key: ['id'],
    keySql: (n) => [`md5('toast' || ${n})::uuid`],
    rows: 120,
    canUpsert: true,
    canSwap: false,
    canMove: true,
  },
  {
    kind: 'full',
    ddl: (name) => `CREATE TABLE ${name} (id int PRIMARY KEY, note text, body text, day date);
      ALTER TABLE ${name} REPLICA IDENTITY FULL; ALTER TABLE ${name} ALTER body SET STORAGE EXTERNAL`,
    key: ['id'],
    keySql: (n) => [`(${n})::int`],
    rows: 300,
    canUpsert: true,
    canSwap: false,
    canMove: true,
  },
  {
    kind: 'deferrable',
    ddl: (
      name,
    ) => `CREATE TABLE ${name} (id int PRIMARY KEY DEFERRABLE, note text, body text, amount numeric(12,2));
      ALTER TABLE ${name} REPLICA IDENTITY FULL; ALTER TABLE ${name} ALTER body SET STORAGE EXTERNAL`,
    key: ['id'],
    keySql: (n) => [`(${n})::int`],
    rows: 60,
    canUpsert: false,
    canSwap: true,
    canMove: true,
  },
  {
    kind: 'partitioned',
    ddl: (
      name,
    ) => `CREATE TABLE ${name} (id int, part int, note text, at timestamp, raw bytea, PRIMARY KEY (id, part))
      PARTITION BY LIST (part);
      ${[0, 1, 2].map((part) => `CREATE TABLE ${name}_${part} PARTITION OF ${name} FOR VALUES IN (${part})`).join(';')}`,
    key: ['id', 'part'],
    keySql: (n) => [`(${n})::int`, `abs(${n}) % 3`],
    rows: 400,
    canUpsert: true,
    canSwap: false,
    canMove: true,
  },
  {
    kind: 'keyless',
    ddl: (name) =>
      `CREATE TABLE ${name} (number bigint GENERATED ALWAYS AS IDENTITY, note text, at timestamptz)`,
    key: [],
    keySql: () => [],
    rows: 0,
    canUpsert: false,
    canSwap: false,
    canMove: false,
  },
];

/** Made while the source runs. */
export const ADDED_KINDS: readonly TableKind[] = FIRST_KINDS.filter(({ key }) => key.length > 0);

/** The column that tells rows of a table without a key apart. */
export const NUMBER_COLUMN = 'number';

/** The column in which every change of a row of a table with a key has a higher number than those of the row before. */
export const VERSION_COLUMN = 'version';

/** What the numbers come from. */
export const VERSIONS_SQL = `CREATE SEQUENCE versions;
  CREATE FUNCTION next_version() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.${VERSION_COLUMN} := nextval('versions'); RETURN NEW; END $$`;

/** Has every change of a row numbered: it is locked by then, so that the numbers follow the order of the commits. */
export function versionedSql(table: string): string {
  return `ALTER TABLE ${table} ADD COLUMN ${VERSION_COLUMN} bigint;
    CREATE TRIGGER versioned BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION next_version()`;
}
