import { expect, test } from 'vitest';
import { Failure } from '../../../infra/process/failure.ts';
import { loggedError } from '../../../infra/process/log.ts';

test('the log keeps type, message, code, order, fix, frames and causes of an error', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const failure = new Failure('kafka.connection', 'retry', 'no answer', { cause, fix: 'start the broker' });
  expect(loggedError(failure)).toMatchObject({
    type: 'Failure',
    message: 'no answer',
    code: 'kafka.connection',
    order: 'retry',
    fix: 'start the broker',
    stack: expect.stringContaining('log.test.ts'),
    cause: { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
  });
});

test('no value of a row comes into the log, whatever field the driver puts it in', () => {
  const refused = Object.assign(new Error('duplicate key value "canary"'), {
    code: '23505',
    detail: 'Key (email)=(canary) already exists.',
    where: 'COPY t, line 1, column email: "canary"',
  });
  const text = JSON.stringify(
    loggedError(new Failure('sink.rejected', 'stop', 'refused', { cause: refused })),
  );
  expect(text).toContain('23505');
  expect(text).not.toContain('canary');
});

test('what is thrown and is no error is text', () => {
  expect(loggedError('oops')).toBe('oops');
});
