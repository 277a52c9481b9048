import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { ResetPlan } from '../../processors/engine/runtime/reset-plan.ts';
import { isEmpty, resetText } from '../../processors/engine/runtime/reset-text.ts';

const RESET = join(import.meta.dirname, '../../processors/reset.ts');

const nothing: ResetPlan = {
  groupId: 'shop-carts',
  members: [],
  offsets: [],
  changelogs: [],
  repartitions: [],
  results: [],
  kept: [],
  stateDir: null,
  isInterrupted: false,
};

test('a dry run that is to be executed is refused before anything is asked of Kafka', async () => {
  const args = [RESET, '--pipeline', 'carts', '--kafka-bootstrap-servers', 'no.such.host.invalid:1'];
  await expect(
    promisify(execFile)(process.execPath, [...args, '--dry-run', '--execute']),
  ).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--dry-run and --execute contradict each other') as string,
  });
});

test('the text names every single thing, and who is at work', () => {
  const member = { memberId: 'm', clientId: 'c', host: '/10.0.0.1', assignment: new Map() };
  const plan: ResetPlan = {
    ...nothing,
    members: [
      { ...member, groupInstanceId: 'a' },
      { ...member, groupInstanceId: null },
    ],
    offsets: [{ topic: 'shop.x', partition: 3, offset: 7 }],
    changelogs: ['l'],
    repartitions: ['r'],
    results: ['t'],
    stateDir: '/state/shop-carts',
    isInterrupted: true,
  };
  expect(resetText(plan)).toEqual([
    'an earlier reset was interrupted: this one goes on with it',
    'group shop-carts: 2 member(s): a at /10.0.0.1, c at /10.0.0.1',
    'forget offset 7 of shop.x-3',
    'delete changelog topic l',
    'delete repartition topic r',
    'delete result topic t: its readers must begin anew too',
    'delete directory /state/shop-carts',
  ]);
});

test('only what would be deleted is something to reset', () => {
  expect(resetText({ ...nothing, kept: ['t'] })).toEqual([
    'group shop-carts: no members',
    'keep result topic t: rows that the replay does not give again stay in it',
    'nothing to reset',
  ]);
  const somethings: readonly Partial<ResetPlan>[] = [
    { offsets: [{ topic: 'x', partition: 0, offset: 0 }] },
    { changelogs: ['l'] },
    { repartitions: ['r'] },
    { results: ['t'] },
    { stateDir: '/state' },
    { isInterrupted: true },
  ];
  expect(somethings.filter((some) => isEmpty({ ...nothing, ...some }))).toEqual([]);
});
