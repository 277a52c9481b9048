import { expect, test } from 'vitest';
import {
  decodeBackfill,
  encodeBackfill,
  passwordOf,
} from '../../../../connectors/postgres-source/copies/backfill-request.ts';

const WITH = { action: 'copy', oid: 16_384, where: "note = 'ä'" } as const;

test('a request comes back as it was written', () => {
  expect(decodeBackfill(encodeBackfill(WITH, 'secret'), 'secret')).toEqual(WITH);
  expect(decodeBackfill(encodeBackfill({ ...WITH, where: null }, ''), '')).toEqual({ ...WITH, where: null });
});

test('SQL of somebody who does not know the source’s password is not run', () => {
  expect(decodeBackfill(encodeBackfill(WITH, 'guess'), 'secret')).toBeNull();
  const stolen = encodeBackfill(WITH, 'secret').replace('16384', '16385');
  expect(decodeBackfill(stolen, 'secret')).toBeNull();
  expect(decodeBackfill(encodeBackfill(WITH, ''), '')).toBeNull();
});

test('S136 only who knows the password may pause or cancel a copy', () => {
  for (const action of ['pause', 'resume', 'cancel'] as const) {
    const request = { ...WITH, where: null, action };
    expect(decodeBackfill(encodeBackfill(request, 'secret'), 'secret')).toEqual(request);
    expect(decodeBackfill(encodeBackfill(request, 'guess'), 'secret')).toBeNull();
    expect(decodeBackfill(encodeBackfill(request, ''), '')).toBeNull();
  }
  const resumed = encodeBackfill({ ...WITH, where: null, action: 'pause' }, 'secret');
  expect(decodeBackfill(resumed.replace('pause', 'cancel'), 'secret')).toBeNull();
});

test('what is no request is none', () => {
  for (const text of ['', '{', '[]', '{"oid":1}', '{"oid":-1,"where":null,"signature":null}'])
    expect(decodeBackfill(text, 'x')).toBeNull();
});

test('the password is that of the URL', () => {
  expect(passwordOf('postgres://a:b%40c@host/db')).toBe('b@c');
  expect(passwordOf('postgres://a@host/db')).toBe('');
});
