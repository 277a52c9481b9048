import { expect, inject, onTestFinished, test } from 'vitest';
import {
  type HeldPartition,
  claimPartitions,
  createSinkTables,
  reclaimPartitions,
} from '../../../connectors/postgres-sink/offset-table.ts';
import { applyTransaction } from '../../../connectors/postgres-sink/transaction.ts';
import type { TargetSession } from '../../../connectors/postgres-sink/target-session.ts';
import { type TargetDatabase, createTargetDatabase } from './target-database.ts';

const PARTITIONS = [0, 1].map((partition) => ({ topic: 't', partition }));
/** Counts every application, so that one too many shows. */
const COUNT = { text: 'UPDATE public.applied SET n = n + 1', values: [] };

interface Target {
  readonly target: TargetDatabase;
  readonly open: () => Promise<TargetSession>;
}

async function targetWithCounter(): Promise<Target> {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  await target.client.query('CREATE TABLE applied AS SELECT 0 AS n');
  const open = async (): Promise<TargetSession> => {
    const session = await target.openSession();
    onTestFinished(() => session[Symbol.asyncDispose]());
    return session;
  };
  const first = await open();
  await createSinkTables(first.client);
  return { target, open };
}

const claim = (session: TargetSession): Promise<readonly HeldPartition[]> =>
  claimPartitions(session.client, 'sink', PARTITIONS, [5, 6]);
const by10 = (held: readonly HeldPartition[]) =>
  held.map((p) => ({ held: p, nextOffset: p.nextOffset + 10 }));
const stored = (target: TargetDatabase): Promise<unknown[][]> =>
  target.rows(
    'SELECT partition, next_offset, epoch, (SELECT n FROM applied) FROM millrace.sink_offsets ORDER BY 1',
  );

test('a first claim starts at the log start, later claims at the stored offset under the next epoch', async () => {
  const { open } = await targetWithCounter();
  const session = await open();
  const first = await claim(session);
  expect(first.map((p) => [p.partition, p.nextOffset, p.epoch])).toEqual([
    [0, 5, 1n],
    [1, 6, 1n],
  ]);
  await applyTransaction(session.client, 'sink', by10(first), [COUNT]);
  const second = await claim(await open());
  expect(second.map((p) => [p.partition, p.nextOffset, p.epoch])).toEqual([
    [0, 15, 2n],
    [1, 16, 2n],
  ]);
});

test("a zombie's batch changes neither rows nor offsets, even when only one of its partitions has a new owner", async () => {
  const { target, open } = await targetWithCounter();
  const zombie = await open();
  const held = await claim(zombie);
  const owner = await open();
  await claimPartitions(owner.client, 'sink', [{ topic: 't', partition: 1 }], [0]);
  const before = await stored(target);
  await expect(applyTransaction(zombie.client, 'sink', by10(held), [COUNT])).rejects.toMatchObject({
    code: 'sink.fenced',
    order: 'fenced',
  });
  await zombie[Symbol.asyncDispose]();
  expect(await stored(target)).toEqual(before);
  expect(before).toEqual([
    ['0', '5', '1', '0'],
    ['1', '6', '2', '0'],
  ]);
});

test('a batch that is sent again after it was committed is refused', async () => {
  const { target, open } = await targetWithCounter();
  const session = await open();
  const advances = by10(await claim(session));
  await applyTransaction(session.client, 'sink', advances, [COUNT]);
  await expect(applyTransaction(session.client, 'sink', advances, [COUNT])).rejects.toMatchObject({
    code: 'sink.fenced',
  });
  await session[Symbol.asyncDispose]();
  expect((await stored(target)).map(([, offset, , n]) => [offset, n])).toEqual([
    ['15', '1'],
    ['16', '1'],
  ]);
});

test('a claim waits for a transaction of the old owner, and sees what it committed', async () => {
  const { target, open } = await targetWithCounter();
  const old = await open();
  const advances = by10(await claim(old));
  const locker = await open();
  await locker.client.query('BEGIN; LOCK TABLE public.applied');
  const applying = applyTransaction(old.client, 'sink', advances, [COUNT]);
  await lockWaiters(target, 1);
  const claiming = claim(await open());
  await lockWaiters(target, 2);
  await locker.client.query('COMMIT');
  await applying;
  expect((await claiming).map((p) => [p.nextOffset, p.epoch])).toEqual([
    [15, 2n],
    [16, 2n],
  ]);
});

test('after a lost session the stored offset tells whether its COMMIT is in', async () => {
  const { target, open } = await targetWithCounter();
  const lost = await open();
  const held = await claim(lost);
  const locker = await open();
  await locker.client.query('BEGIN; LOCK TABLE public.applied');
  const unanswered = applyTransaction(lost.client, 'sink', by10(held), [COUNT]);
  await lockWaiters(target, 1);
  // the client is gone, the server goes on: it commits when the lock is released
  const again = await open();
  const reclaiming = reclaimPartitions(again.client, 'sink', held);
  await lockWaiters(target, 2);
  await locker.client.query('COMMIT');
  const now = await reclaiming;
  expect(now.map((p) => [p.nextOffset, p.epoch])).toEqual([
    [15, 2n],
    [16, 2n],
  ]);
  await unanswered;
  await applyTransaction(again.client, 'sink', by10(now), [COUNT]);
  expect((await stored(target))[0]).toEqual(['0', '25', '2', '2']);
});

test('a lost session does not take partitions back that another owner has claimed', async () => {
  const { target, open } = await targetWithCounter();
  const held = await claim(await open());
  await claim(await open());
  const before = await stored(target);
  const again = await open();
  await expect(reclaimPartitions(again.client, 'sink', held)).rejects.toMatchObject({ order: 'fenced' });
  await again[Symbol.asyncDispose]();
  expect(await stored(target)).toEqual(before);
});

test('a refused row leaves rows and offsets as they were, and names the offsets', async () => {
  const { target, open } = await targetWithCounter();
  await target.client.query('ALTER TABLE applied ADD CHECK (n < 2)');
  const session = await open();
  const advances = by10(await claim(session));
  await expect(applyTransaction(session.client, 'sink', advances, [COUNT, COUNT])).rejects.toMatchObject({
    code: 'sink.rejected',
    order: 'dead-letter',
    message: expect.stringContaining('t/0 5..14, t/1 6..15 (SQLSTATE 23514)'),
  });
  await session[Symbol.asyncDispose]();
  expect((await stored(target)).map(([, offset, , n]) => [offset, n])).toEqual([
    ['5', '0'],
    ['6', '0'],
  ]);
});

test('two sinks make their own tables at once', async () => {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  const sessions = await Promise.all([1, 2, 3].map(() => target.openSession()));
  await Promise.all(sessions.map((session) => createSinkTables(session.client)));
  await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  expect(await target.rows('SELECT count(*) FROM millrace.sink_offsets')).toEqual([['0']]);
});

/** Resolves when so many sessions of this database wait for locks. */
async function lockWaiters(target: TargetDatabase, count: number): Promise<void> {
  const sql = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  await expect
    .poll(async () => (await target.rows(sql))[0]?.[0], { interval: 5, timeout: 4000 })
    .toBe(String(count));
}
