import { expect, test } from 'vitest';
import { readRecord } from './kcat-bytes.ts';

const LINES = Buffer.concat([
  Buffer.from('2 17 3 4 k\n v\0\n!a=1,b=2\n'),
  Buffer.from('0 0 -1 -1 \n'),
  Buffer.from('1 5 1 0 x\n'),
]);

test('records are told by their lengths, whatever bytes are in them', () => {
  const found = [];
  for (let at = 0; at < LINES.length;) {
    const next = readRecord(LINES, at);
    if (next === null) break;
    found.push(next.record);
    at = next.end;
  }
  expect(found).toEqual([
    { partition: 2, offset: 17, key: Buffer.from('k\n '), value: Buffer.from('v\0\n!'), headers: 'a=1,b=2' },
    { partition: 0, offset: 0, key: null, value: null, headers: '' },
    { partition: 1, offset: 5, key: Buffer.from('x'), value: Buffer.alloc(0), headers: '' },
  ]);
});

test('a record that has not come wholly is none yet', () => {
  const first = readRecord(LINES, 0)?.end ?? 0;
  for (let length = 0; length < first; length++) expect(readRecord(LINES.subarray(0, length), 0)).toBeNull();
});
