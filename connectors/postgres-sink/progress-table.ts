import type { Client } from 'pg';
import type { CutOrigin } from '../../schemas/progress.ts';

/** A cut of one topic: the topic's records below `ends` are all that came of the source up to `lsn`. */
export interface TopicCut {
  readonly topic: string;
  readonly origin: CutOrigin;
  readonly lsn: bigint;
  /** Of the last commit up to there, microseconds since 1970-01-01 UTC. */
  readonly commitTs: bigint;
  /** Next offset per partition. */
  readonly ends: readonly number[];
}

/** Any 64-bit number that nobody else locks by: the ASCII codes of `millpass`. */
const CREATION_LOCK = '7883951835770085235';

/** Between two looks of `millrace.wait_for`: at first and at most, seconds. */
const LOOK_MIN_S = 0.002;
const LOOK_MAX_S = 0.05;

/**
 * What readers ask. The view has a row for each writer and source of a table's topic, and one of nulls while nothing is known.
 * With a snapshot that is older than the rows that are waited for, a loop would wait in vain: so it says so. Names are compared,
 * and not `to_regclass` of each view, which is an error for readers who may not use the schemas of all of them.
 */
export const PROGRESS_OBJECTS = `
  CREATE TABLE IF NOT EXISTS millrace.sink_progress (
    sink text, topic text, writer text, source text,
    lsn pg_lsn NOT NULL, commit_time timestamptz, applied_at timestamptz NOT NULL,
    newest_lsn pg_lsn NOT NULL,
    PRIMARY KEY (sink, topic, writer, source)
  ) WITH (fillfactor = 50);
  CREATE OR REPLACE VIEW millrace.progress AS
    SELECT format('%I.%I', t.table_schema, t.table_name) AS view, p.source, p.lsn, p.commit_time, p.applied_at,
      CASE WHEN p.lsn >= p.newest_lsn THEN interval '0'
           WHEN p.commit_time IS NOT NULL THEN greatest(clock_timestamp() - p.commit_time, interval '0') END AS lag
    FROM millrace.sink_tables t LEFT JOIN millrace.sink_progress p USING (sink, topic);
  COMMENT ON VIEW millrace.progress IS
    'Each table holds at least what the source had committed up to lsn; lag is 0 when no newer commit is known.';
  CREATE OR REPLACE FUNCTION millrace.wait_for(view text, lsn pg_lsn, timeout interval DEFAULT interval '30 seconds')
  RETURNS boolean LANGUAGE plpgsql VOLATILE STRICT AS $$
  DECLARE
    wanted constant text := (SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.oid = to_regclass(wait_for.view));
    deadline constant timestamptz := clock_timestamp() + wait_for.timeout;
    pause double precision := ${LOOK_MIN_S};
    reached boolean;
  BEGIN
    LOOP
      SELECT coalesce(bool_and(coalesce(p.lsn >= wait_for.lsn, false)), false) INTO reached
        FROM millrace.progress p WHERE p.view = wanted
        HAVING count(*) > 0;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'no sink fills the table %', wait_for.view USING ERRCODE = 'undefined_table',
          HINT = 'name a table that SELECT view FROM millrace.progress lists, with its schema';
      END IF;
      IF reached THEN RETURN true; END IF;
      IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION '% does not hold % in the snapshot of this transaction, which does not move',
          wait_for.view, wait_for.lsn USING ERRCODE = 'invalid_transaction_state',
          HINT = 'call millrace.wait_for before BEGIN, or in a READ COMMITTED transaction';
      END IF;
      IF clock_timestamp() >= deadline THEN RETURN false; END IF;
      PERFORM pg_sleep(least(pause, extract(epoch FROM deadline - clock_timestamp())));
      pause := least(pause * 2, ${LOOK_MAX_S});
    END LOOP;
  END $$;
  COMMENT ON FUNCTION millrace.wait_for(text, pg_lsn, interval) IS
    'Waits until the table holds what the source had committed up to lsn; false when the time is over first.'`;

/** Makes what readers ask for progress, where it is missing. The sink's own tables must be there. */
export async function createProgressTable(client: Client): Promise<void> {
  const known = await client.query<{ found: boolean }>(
    `SELECT to_regprocedure('millrace.wait_for(text, pg_lsn, interval)') IS NOT NULL AS found`,
  );
  if (known.rows[0]?.found === true) return;
  await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${CREATION_LOCK}); ${PROGRESS_OBJECTS}; COMMIT`);
}

const RECORD = `
  INSERT INTO millrace.sink_progress AS p (sink, topic, writer, source, lsn, commit_time, applied_at, newest_lsn)
  SELECT $1, c.topic, c.writer, c.source, c.lsn,
    timestamptz 'epoch' + nullif(c.commit_ts, 0) * interval '1 microsecond', now(), greatest(c.lsn, c.newest)
  FROM unnest($2::text[], $3::text[], $4::text[], $5::pg_lsn[], $6::bigint[], $7::text[], $8::pg_lsn[])
    AS c(topic, writer, source, lsn, commit_ts, ends, newest)
  WHERE NOT EXISTS (
    SELECT FROM unnest(c.ends::bigint[]) WITH ORDINALITY AS e(next_offset, place)
    LEFT JOIN millrace.sink_offsets AS o ON o.sink = $1 AND o.topic = c.topic AND o.partition = e.place - 1
    WHERE e.next_offset > coalesce(o.next_offset, 0))
  ORDER BY c.topic, c.writer, c.source
  ON CONFLICT (sink, topic, writer, source) DO UPDATE SET
    lsn = greatest(p.lsn, excluded.lsn), commit_time = greatest(p.commit_time, excluded.commit_time),
    applied_at = excluded.applied_at, newest_lsn = greatest(p.newest_lsn, excluded.newest_lsn)
  RETURNING topic, writer, source, lsn`;

/**
 * Records the cuts that the stored offsets have passed, those of other instances' partitions too: at the end of the transaction
 * that moves offsets, or in one of its own. Resolves with what is recorded: a cut that is left out waits for somebody else.
 * @param newestOf the LSN that a source is known to have come to
 */
export async function recordProgress(
  client: Client,
  sink: string,
  cuts: readonly TopicCut[],
  newestOf: (source: string) => bigint,
): Promise<readonly TopicCut[]> {
  if (cuts.length === 0) return [];
  const values = [
    sink,
    cuts.map(({ topic }) => topic),
    cuts.map(({ origin }) => origin.writer ?? ''),
    cuts.map(({ origin }) => origin.source),
    cuts.map(({ lsn }) => lsnText(lsn)),
    cuts.map(({ commitTs }) => String(commitTs)),
    cuts.map(({ ends }) => `{${ends.join()}}`),
    cuts.map(({ origin }) => lsnText(newestOf(origin.source))),
  ];
  const { rows } = await client.query<RecordedRow>({ name: 'millrace_progress', text: RECORD, values });
  const recorded = new Set(rows.map(({ topic, writer, source }) => JSON.stringify([topic, writer, source])));
  return cuts.filter(({ topic, origin }) =>
    recorded.has(JSON.stringify([topic, origin.writer ?? '', origin.source])),
  );
}

interface RecordedRow {
  readonly topic: string;
  readonly writer: string;
  readonly source: string;
}

/** Tells how far sources have come, so that a table that stands still is seen to be behind. */
export async function recordNewest(
  client: Client,
  sink: string,
  newest: ReadonlyMap<string, bigint>,
): Promise<void> {
  const values = [sink, [...newest.keys()], [...newest.values()].map(lsnText)];
  await client.query({ name: 'millrace_newest', text: NEWEST, values });
}

/** Locks in the order of {@link RECORD}. */
const NEWEST = `
  WITH behind AS (
    SELECT p.sink, p.topic, p.writer, p.source, u.newest
    FROM millrace.sink_progress AS p JOIN unnest($2::text[], $3::pg_lsn[]) AS u(source, newest) USING (source)
    WHERE p.sink = $1 AND p.newest_lsn < u.newest
    ORDER BY p.topic, p.writer, p.source FOR NO KEY UPDATE OF p)
  UPDATE millrace.sink_progress AS p SET newest_lsn = b.newest
  FROM behind AS b
  WHERE p.sink = b.sink AND p.topic = b.topic AND p.writer = b.writer AND p.source = b.source`;

/** What a writer has taken back is not claimed any more. */
export async function retractProgress(client: Client, sink: string, origin: CutOrigin): Promise<void> {
  await client.query(`DELETE FROM millrace.sink_progress WHERE sink = $1 AND writer = $2 AND source = $3`, [
    sink,
    origin.writer ?? '',
    origin.source,
  ]);
}

/** For a sink that is not told any more what is taken back. */
export async function retractAllProgress(client: Client, sink: string): Promise<void> {
  await client.query('DELETE FROM millrace.sink_progress WHERE sink = $1', [sink]);
}

/** As Postgres writes it: two halves of 32 bits, hexadecimal. */
function lsnText(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}
