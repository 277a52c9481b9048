import { expect, test } from 'vitest';
import { httpUrl, postgresUrl } from '../../../infra/process/role-options.ts';

test('a URL that is none is refused before anything starts, and its password is not in the message', () => {
  expect(postgresUrl.safeParse('postgresql://u:p%20w@host:5432/db?sslmode=require').success).toBe(true);
  expect(postgresUrl.safeParse('postgres://postgres@%2Ftmp/db').success).toBe(true);
  expect(httpUrl.safeParse('http://registry:8081/apis/ccompat/v7').success).toBe(true);
  for (const text of ['nonsense', 'mailto:a@b', 'http//host', ''])
    expect([httpUrl.safeParse(text).success, postgresUrl.safeParse(text).success], text).toEqual([
      false,
      false,
    ]);
  const { error } = postgresUrl.safeParse('mysql://u:secret@h/d');
  expect(error?.issues.map(({ message }) => message)).toEqual([
    'postgres://user:password@host:port/name is expected',
  ]);
});
