import { expect, test } from 'vitest';
import { Failure, describe as describeError, orderFor } from '../../../infra/process/failure.ts';

const withCode = (code: string): Error => Object.assign(new Error(`error ${code}`), { code });

test.each([
  ['a refused connection', withCode('ECONNREFUSED'), 'retry'],
  [
    'the file of a Unix socket that is gone',
    Object.assign(withCode('ENOENT'), { syscall: 'connect' }),
    'retry',
  ],
  ['a file that is not there', Object.assign(withCode('ENOENT'), { syscall: 'open' }), 'stop'],
  ['a deadlock', withCode('40P01'), 'retry'],
  ['a serialization failure', withCode('40001'), 'retry'],
  ['any connection exception of Postgres', withCode('08006'), 'retry'],
  ['a statement timeout', withCode('57014'), 'retry'],
  ['a session that slept in a transaction', withCode('25P03'), 'retry'],
  ['a full disk', withCode('53100'), 'retry'],
  ['a server that only reads', withCode('25006'), 'retry'],
  ['a lock that is not given up', withCode('55P03'), 'retry'],
  ['no memory at the server', withCode('53200'), 'retry'],
  ['an answer that does not come', new Error('Query read timeout'), 'retry'],
  ['a unique violation', withCode('23505'), 'stop'],
  ['a connection that ended without a code', new Error('Connection terminated unexpectedly'), 'retry'],
  ['a programmer error', new TypeError('x is not a function'), 'stop'],
  ['a thrown string', 'oops', 'stop'],
  ['a failure with its own order', new Failure('a.b', 'fenced', 'm'), 'fenced'],
  ['a wrapped retriable cause', new Error('while reading', { cause: withCode('ECONNRESET') }), 'retry'],
] as const)('%s: %s -> %s', (_, error, order) => {
  expect(orderFor(error)).toBe(order);
});

test('a description is the message, its causes and the fix', () => {
  const failure = new Failure('source.slot_lost', 'stop', 'slot a is lost', {
    cause: new Error('wal removed'),
    fix: 'take a new snapshot',
  });
  expect(describeError(failure)).toBe('slot a is lost: wal removed\n  fix: take a new snapshot');
});

test('a description never quotes a value of the row at fault', () => {
  const refused = Object.assign(new Error('invalid input syntax for type integer: "4711 secret"'), {
    code: '22P02',
  });
  const failure = new Failure('sink.rejected', 'stop', 'a batch of t is refused', { cause: refused });
  expect(describeError(failure)).toBe('a batch of t is refused: Postgres refuses a value (SQLSTATE 22P02)');
});
