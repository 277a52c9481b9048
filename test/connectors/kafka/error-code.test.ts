import { expect, test } from 'vitest';
import { onTopic, onTransactionalId, withPrincipal } from '../../../connectors/kafka/access.ts';
import { ERROR, checkAll, failureOf } from '../../../connectors/kafka/error-code.ts';

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

test('of the rights that a request needs, the one that the code denies is told', () => {
  const needs = [onTopic('Write', 't'), onTransactionalId('tx')];
  const fixOf = (code: number): string | undefined => failureOf(code, 'adding t-0', ...needs).fix;
  expect(fixOf(ERROR.topicAuthorizationFailed)).toContain('--operation Write --topic t;');
  expect(fixOf(ERROR.transactionalIdAuthorizationFailed)).toContain(
    '--operation Write --transactional-id tx;',
  );
  expect(fixOf(ERROR.groupAuthorizationFailed)).toBe('grant the principal READ on the consumer group');
  expect(fixOf(ERROR.notCoordinator)).toBeUndefined();
});

test('a principal that a shell would take apart is quoted in the fix', () => {
  const denied = failureOf(ERROR.topicAuthorizationFailed, 'producing to t-0', onTopic('Write', 't'));
  expect(withPrincipal(denied, "User:O'Neil & sons")).toMatchObject({
    message: expect.stringContaining(": User:O'Neil & sons lacks the right Write on topic t: "),
    fix: String.raw`kafka-acls --add --allow-principal 'User:O'\''Neil & sons' --operation Write --topic t`,
  });
});

test('topics that fail for another reason do not hide which right is missing', () => {
  const parts = [
    part('creating topic a', ERROR.throttlingQuotaExceeded),
    { ...part('creating topic b', ERROR.topicAuthorizationFailed), needs: onTopic('Create', 'b') },
  ];
  expect(() => checkAll(parts)).toThrow(
    expect.objectContaining({
      code: 'kafka.topic_authorization_failed',
      order: 'stop',
      message: expect.stringMatching(
        /^creating topic a: .*; creating topic b: .* lacks the right Create on topic b/,
      ),
    }),
  );
});
