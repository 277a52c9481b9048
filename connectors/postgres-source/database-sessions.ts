import type { Clock } from '../../infra/process/clock.ts';
import { ReplicationConnection } from './wire/replication-connection.ts';
import type { SourceOptions } from './source-context.ts';
import { WireConnection } from './wire/wire-connection.ts';

/** Until the stream is there, whose silence is noticed, a query is all that tells a line that is dead half-open. */
const START_QUERY_MAX_MS = 30_000;

/** The two database sessions of one session of the source; `stack` closes them. */
export interface DatabaseSessions {
  /** Plain SQL. */
  readonly sql: WireConnection;
  readonly replication: ReplicationConnection;
}

/** @throws Failure `source.*` for a refused login; whatever `pg` says of a server that is away */
export async function openDatabase(
  { databaseUrl, slotName }: Pick<SourceOptions, 'databaseUrl' | 'slotName'>,
  clock: Clock,
  stack: AsyncDisposableStack,
): Promise<DatabaseSessions> {
  const connect = { url: databaseUrl, applicationName: `millrace-source ${slotName}` };
  const sql = stack.use(await WireConnection.open({ ...connect, replication: false }));
  const replication = stack.use(await ReplicationConnection.open(connect, clock));
  for (const line of [sql, replication.wire]) line.queryMaxMs = START_QUERY_MAX_MS;
  return { sql, replication };
}

/**
 * The stream has been asked for: from now on its silence tells a dead line, and whoever waits for plain SQL is let go
 * with the stream.
 */
export function endWithStream({ sql, replication }: DatabaseSessions): void {
  sql.queryMaxMs = null;
  replication.wire.onAbort = (error) => {
    sql.abort(error);
    void sql[Symbol.asyncDispose]();
  };
}
