import type { WireConnection } from '../wire/wire-connection.ts';

/** A transaction that the making of a slot waits for. */
export interface Blocker {
  readonly xid: string;
  /** Null for a prepared transaction, which no session holds. */
  readonly pid: number | null;
  /** Of a prepared transaction. */
  readonly gid: string | null;
  readonly role: string | null;
  readonly application: string | null;
  /** `idle in transaction` and so on; null where our role may not see it. */
  readonly state: string | null;
  /** Since its transaction began; null where our role may not see it. */
  readonly seconds: number | null;
  /** How its last statement begins, up to its first value: values belong into no log. */
  readonly statement: string | null;
}

type Row = Omit<Blocker, 'statement'> & { readonly query: string | null };

/** A walsender that makes a slot waits for the end of one transaction after the other, by their locks. */
const SQL = `
  SELECT w.transactionid::text AS xid, h.pid, p.gid, coalesce(a.usename, p.owner)::text AS role,
    nullif(a.application_name, '') AS application, a.state, a.query,
    round(extract(epoch FROM now() - coalesce(a.xact_start, p.prepared)))::float8 AS seconds
  FROM pg_locks w
  LEFT JOIN pg_locks h ON h.locktype = 'transactionid' AND h.transactionid = w.transactionid AND h.granted
  LEFT JOIN pg_stat_activity a ON a.pid = h.pid
  LEFT JOIN pg_prepared_xacts p ON p.transaction = w.transactionid
  WHERE w.pid = $1 AND w.locktype = 'transactionid' AND NOT w.granted`;

/** Words and plain names, up to the first thing that may be a value. */
const BEFORE_VALUES = /^\s*((?:[A-Za-z_][\w.]*[ \t\n]*)*)/;
const STATEMENT_MAX = 100;

export async function readBlockers(sql: WireConnection, walsenderPid: number | null): Promise<Blocker[]> {
  const rows = await sql.query<Row>(SQL, [walsenderPid]);
  return rows.map(({ query, ...rest }) => ({ ...rest, statement: statementOf(query) }));
}

export function statementOf(query: string | null): string | null {
  const words =
    BEFORE_VALUES.exec(query ?? '')?.[1]
      ?.trim()
      .replaceAll(/\s+/g, ' ') ?? '';
  return words === '' ? null : words.slice(0, STATEMENT_MAX);
}

/** For a person, with what it takes to end it. */
export function blockerText({ xid, pid, gid, role, state, seconds, statement }: Blocker): string {
  const who = gid === null ? `PID ${pid ?? 'unknown'}` : `the prepared transaction '${gid}'`;
  const facts = [
    `xid ${xid}`,
    role === null ? null : `role ${role}`,
    seconds === null ? 'age hidden from our role (GRANT pg_read_all_stats)' : `open for ${seconds} s`,
    state,
    statement,
  ];
  return `${who} (${facts.filter((fact) => fact !== null).join(', ')})`;
}
