import { expect, test } from 'vitest';
import { connectFailure } from '../../../connectors/postgres-sink/connect-failure.ts';
import { targetRefusal } from '../../../connectors/postgres-sink/target-refusal.ts';
import { Failure } from '../../../infra/process/failure.ts';

const URL = 'postgres://app:secret@db:5432/shop';
const withCode = (code: string, message = 'refused'): Error => Object.assign(new Error(message), { code });

test.each([
  ['a server that only reads', withCode('25006'), 'sink.read_only'],
  ['a lock of somebody else', withCode('55P03'), 'sink.locked'],
] as const)('%s is told by name, with what to do and without the password, and passes', (_, error, code) => {
  const told = targetRefusal(error, URL);
  expect(told).toMatchObject({
    code,
    order: 'retry',
    cause: error,
    fix: expect.stringMatching(/.{20}/) as string,
  });
  expect(told instanceof Failure && `${told.message} ${told.fix}`).toMatch(/db:5432|shop/);
  expect(told instanceof Failure && `${told.message} ${told.fix}`).not.toContain('secret');
});

test('what passes by itself, and a failure that is told already, stay as they are', () => {
  const away = withCode('ECONNREFUSED');
  const fenced = new Failure('sink.fenced', 'fenced', 'm');
  expect([targetRefusal(away, URL), targetRefusal(fenced, URL)]).toEqual([away, fenced]);
});

test('a URL without the password that the target asks for is told as that', () => {
  const error = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string');
  expect(connectFailure(error, 'app', 'shop')).toMatchObject({
    code: 'sink.login_refused',
    order: 'stop',
    message: 'the target asks for the password of role app, and there is none',
  });
});
