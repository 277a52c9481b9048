import { expect, test } from 'vitest';
import {
  isTruncation,
  metaOfEvent,
  rowOf,
  unavailable,
  withoutPlaceholders,
} from '../../../connectors/postgres-sink/debezium-change.ts';
import { UNAVAILABLE_VALUE } from '../../../schemas/debezium-event.ts';

const header = (value: string) => [{ key: '__unchanged', value: Buffer.from(value) }];

test('the row is the one behind the event, and a deletion has none', () => {
  const after = { id: 1 };
  expect(rowOf({ op: 'c', before: null, after })).toBe(after);
  expect(rowOf({ op: 'd', before: after, after: null })).toBeNull();
  expect([isTruncation({ op: 't' }), isTruncation({ op: 'd' })]).toEqual([true, false]);
});

test('columns that were not sent are the ones of the header, or those with the placeholder', () => {
  const row = {
    a: UNAVAILABLE_VALUE,
    b: Buffer.from(UNAVAILABLE_VALUE),
    c: [UNAVAILABLE_VALUE],
    d: null,
    e: 'text',
    f: ['text', UNAVAILABLE_VALUE],
  };
  expect(unavailable(row, [])).toEqual(['a', 'b', 'c']);
  expect(unavailable(row, header('["d"]'))).toEqual(['d']);
  expect(() => unavailable(row, header('no list'))).toThrow(SyntaxError);
  expect(withoutPlaceholders(row)).toEqual({ ...row, a: null, b: null, c: null });
  for (const json of ['5', 'null', '{"a":1}', '[1]'])
    expect(() => unavailable(row, header(json)), json).toThrow(SyntaxError);
});

test('an event is at the LSN of its change, a row of a snapshot at none', () => {
  const source = { lsn: 9n, ts_ms: 2n, ts_us: 2001n };
  expect(metaOfEvent({ op: 'u', source })).toEqual({ __lsn: 9n, __commit_ts: 2001n });
  expect(metaOfEvent({ op: 'r', source: { ...source, ts_us: null } })).toEqual({
    __lsn: undefined,
    __commit_ts: 2000n,
  });
});
