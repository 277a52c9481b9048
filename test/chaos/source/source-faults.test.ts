import { expect, test } from 'vitest';
import { SENDER_TIMEOUT_MS, planSourceFaults } from './source-faults.ts';

test('a seed always gives the same faults, another seed others, and more time only adds some', () => {
  const { database } = planSourceFaults(7, 100);
  expect(planSourceFaults(7, 100).database).toEqual(database);
  expect(planSourceFaults(8, 100).database).not.toEqual(database);
  expect(planSourceFaults(7, 300).database.slice(0, database.length)).toEqual(database);
});

test('ten minutes hold every kind of fault', () => {
  const { processes, database, kafka } = planSourceFaults(1, 600);
  const kinds = [...processes, ...database, ...kafka].map(({ fault }) => fault.kind);
  expect(new Set(kinds)).toEqual(
    new Set([
      'kill source',
      'freeze source',
      'end walsender',
      'end sessions',
      'cut lines',
      'deaden lines',
      'slow lines',
      'restart postgres',
      'kill broker',
      'stop broker',
      'freeze broker',
      'freeze kafka',
      'freeze registry',
    ]),
  );
  const crashes = database.flatMap(({ fault }) => (fault.kind === 'restart postgres' ? [fault.crash] : []));
  expect(new Set(crashes)).toEqual(new Set([true, false]));
});

test('some sources are frozen for longer than their walsender waits, with another to take over and without', () => {
  const frozen = planSourceFaults(1, 600).processes.flatMap(({ fault }) =>
    fault.kind === 'freeze source' && fault.forMs > SENDER_TIMEOUT_MS ? [fault.takeoverMs !== null] : [],
  );
  expect(new Set(frozen)).toEqual(new Set([true, false]));
});
