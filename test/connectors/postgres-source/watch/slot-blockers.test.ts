import { expect, test } from 'vitest';
import { blockerText, statementOf } from '../../../../connectors/postgres-source/watch/slot-blockers.ts';

test('S66 a statement is told of up to its first value', () => {
  expect(statementOf("INSERT INTO public.orders_2024 (id, note) VALUES (7, 'secret')")).toBe(
    'INSERT INTO public.orders_2024',
  );
  expect(statementOf("  UPDATE orders\n SET note = 'secret'")).toBe('UPDATE orders SET note');
  expect(statementOf("SELECT 'secret'")).toBe('SELECT');
  expect(statementOf('SELECT 42')).toBe('SELECT');
  expect(statementOf('SELECT $$secret$$')).toBe('SELECT');
  expect(statementOf("/* 'secret' */ SELECT 1")).toBeNull();
  expect(statementOf('<insufficient privilege>')).toBeNull();
  expect(statementOf(null)).toBeNull();
});

test('S66 what our role may not see of a session is said, with what shows it', () => {
  const hidden = { xid: '7', pid: 11, gid: null, role: null, application: null, state: null, seconds: null };
  expect(blockerText({ ...hidden, statement: null })).toBe(
    'PID 11 (xid 7, age hidden from our role (GRANT pg_read_all_stats))',
  );
});
