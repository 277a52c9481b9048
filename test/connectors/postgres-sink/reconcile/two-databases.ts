import { inject, onTestFinished } from 'vitest';
import { openReadSession } from '../../../../connectors/postgres-sink/reconcile/read-session.ts';
import {
  type Reconciliation,
  type ReconcileRequest,
  reconcile,
} from '../../../../connectors/postgres-sink/reconcile/reconcile.ts';
import type { Clock } from '../../../../infra/process/clock.ts';
import { type TargetDatabase, createTargetDatabase } from '../target-database.ts';

const STATEMENT_MAX_MS = 30_000;

export interface TwoDatabases {
  readonly source: TargetDatabase;
  readonly target: TargetDatabase;
  /** Compares `public.t`; at each pause `onSleep` runs, and time goes on. */
  readonly reconcile: (
    sql: string,
    request?: Partial<ReconcileRequest>,
    onSleep?: (pause: number) => Promise<unknown>,
  ) => Promise<Reconciliation>;
}

/** A source and a target with these tables, dropped after the test. */
export async function twoDatabases(sourceSql: string, targetSql: string): Promise<TwoDatabases> {
  const [source, target] = await Promise.all([
    createTargetDatabase(inject('sourceUrl')),
    createTargetDatabase(inject('targetUrl')),
  ]);
  onTestFinished(async () => {
    await Promise.all([source[Symbol.asyncDispose](), target[Symbol.asyncDispose]()]);
  });
  await source.client.query(sourceSql);
  await target.client.query(targetSql);
  return {
    source,
    target,
    async reconcile(sql, request = {}, onSleep = async () => undefined) {
      const statementTimeoutMs = STATEMENT_MAX_MS;
      await using ours = await openReadSession({ side: 'source', url: source.url, statementTimeoutMs });
      await using theirs = await openReadSession({ side: 'target', url: target.url, statementTimeoutMs });
      const whole: ReconcileRequest = {
        view: { schema: 'public', table: 't' },
        sql,
        keys: null,
        settleMs: 1_000,
        settleTimeoutMs: 0,
        show: 20,
        ...request,
      };
      return await reconcile(ours, theirs, whole, eventfulClock(onSleep), () => undefined);
    },
  };
}

/** Time goes on in sleeps only, each of which is an event. */
function eventfulClock(onSleep: (pause: number) => Promise<unknown>): Clock {
  let [now, pauses] = [0, 0];
  return {
    now: () => now,
    async sleep(ms) {
      now += ms;
      await onSleep(pauses++);
    },
    every: () => ({ [Symbol.dispose]: () => undefined }),
  };
}
