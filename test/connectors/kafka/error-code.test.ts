import { expect, test } from 'vitest';
import { ERROR, checkAll } from '../../../connectors/kafka/error-code.ts';

const part = (what: string, errorCode: number, errorMessage: string | null = null) => ({
  what,
  errorCode,
  errorMessage,
});

test('an answer all of whose parts are good is no error', () => {
  expect(() => checkAll([part('creating topic a', ERROR.none)])).not.toThrow();
});

test('all parts that failed are told, and the one that cannot pass decides what to do', () => {
  const parts = [
    part('creating topic a', ERROR.throttlingQuotaExceeded),
    part('creating topic b', ERROR.none),
    part('creating topic c', ERROR.invalidReplicationFactor, 'only 1 broker'),
  ];
  expect(() => checkAll(parts)).toThrow(
    expect.objectContaining({
      code: 'kafka.invalid_replication_factor',
      order: 'stop',
      message:
        'creating topic a: the broker answered THROTTLING_QUOTA_EXCEEDED (89); ' +
        'creating topic c (only 1 broker): the broker answered INVALID_REPLICATION_FACTOR (38)',
      fix: 'ask for no more replicas than there are brokers',
    }),
  );
});

test('an answer whose failures all pass by themselves is tried again', () => {
  expect(() => checkAll([part('altering topic a', ERROR.notController)])).toThrow(
    expect.objectContaining({ code: 'kafka.not_controller', order: 'retry' }),
  );
});
