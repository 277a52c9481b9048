import { expect } from 'vitest';
import type { TargetDatabase } from './target-database.ts';
import type { Entry } from './topic-writer.ts';

/** Entries of `count` keys with the given version. */
export function versions(version: number, count = 40): Entry[] {
  return Array.from({ length: count }, (_, id) => [{ id }, { id, version }]);
}

const ONE_OFFS = 1000;

/** A new version of 40 rows, and a row that is written in this round only: a round that is left out is missed. */
export function round(version: number): Entry[] {
  const id = ONE_OFFS + version;
  return [...versions(version), [{ id }, { id, version }]];
}

/** How the table stands after so many rounds: rows per kind, and the oldest version. */
export async function roundsIn(
  target: TargetDatabase,
): Promise<{ rows: number; oldest: number; rounds: number }> {
  const [row] = await target.rows(
    `SELECT count(*) FILTER (WHERE id < ${ONE_OFFS}), min(version) FILTER (WHERE id < ${ONE_OFFS}),
       count(*) FILTER (WHERE id >= ${ONE_OFFS}) FROM t`,
  );
  return { rows: Number(row?.[0]), oldest: Number(row?.[1]), rounds: Number(row?.[2]) };
}

/** What {@link roundsIn} is when rounds 1 to `version` are all in. */
export function allRounds(version: number): Awaited<ReturnType<typeof roundsIn>> {
  return { rows: 40, oldest: version, rounds: version };
}

/** Makes the table `t`, which notes each write of a row: a batch that is applied twice notes a version twice. */
export async function audit(target: TargetDatabase): Promise<void> {
  await target.client.query(`
    CREATE TABLE t (id integer PRIMARY KEY, version integer);
    CREATE TABLE audit (place bigint GENERATED ALWAYS AS IDENTITY, id integer, version integer);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO public.audit (id, version) VALUES (NEW.id, NEW.version); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()`);
}

/** No version of a row was written twice, and none after a newer one. */
export async function expectWrittenOnce(target: TargetDatabase): Promise<void> {
  const doubled = 'SELECT id, version, count(*) FROM audit GROUP BY 1, 2 HAVING count(*) > 1';
  expect(await target.rows(doubled)).toEqual([]);
  const backwards = `SELECT * FROM (SELECT id, version, lag(version) OVER (PARTITION BY id ORDER BY place) AS before
    FROM audit) a WHERE before > version`;
  expect(await target.rows(backwards)).toEqual([]);
}
