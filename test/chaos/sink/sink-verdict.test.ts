import { expect, test } from 'vitest';
import { Findings } from '../findings.ts';
import { type Applied, judgeApplied } from './applied-log.ts';
import { compareRows, isSinkRight, sinkVerdictText } from './sink-verdict.ts';

/** Row, row, deletion, row. */
const HISTORY = new Map([
  ['t', new Map([['k', [1, 2, 3, 4].map((version) => ({ version, isDeletion: version === 3 }))]])],
]);

function found(...log: readonly (readonly [op: string, version: number])[]): unknown {
  const findings = new Findings();
  const applied = log.map(([op, version]): Applied => ({ table: 't', key: 'k', op, version }));
  judgeApplied(HISTORY, applied, findings);
  return Object.fromEntries(findings.counts);
}

test('versions that follow each other are right, and so are gaps between them', () => {
  expect(found(['INSERT', 1], ['UPDATE', 2], ['DELETE', 2], ['INSERT', 4])).toEqual({});
  expect(found(['INSERT', 2], ['UPDATE', 4])).toEqual({});
  expect(found(['INSERT', 1], ['DELETE', 1])).toEqual({});
});

test('a version that comes again is applied twice, even if nothing came in between', () => {
  expect(found(['INSERT', 1], ['UPDATE', 1])).toEqual({ 'applied twice': 1 });
  expect(found(['INSERT', 1], ['UPDATE', 2], ['UPDATE', 1])).toEqual({ 'applied twice': 1 });
  expect(found(['INSERT', 2], ['DELETE', 2], ['INSERT', 2])).toEqual({ 'applied twice': 1 });
});

test('a deletion that no deletion in the topic stands behind is applied twice', () => {
  expect(found(['INSERT', 2], ['DELETE', 2], ['INSERT', 4], ['DELETE', 4])).toEqual({ 'applied twice': 1 });
});

test('a version that comes after a newer one is stale', () => {
  expect(found(['INSERT', 2], ['UPDATE', 1])).toEqual({ stale: 1 });
});

test('what was never committed is extra', () => {
  expect(found(['INSERT', 1], ['UPDATE', 9])).toEqual({ extra: 1 });
  // The version of a deletion is in no row.
  expect(found(['INSERT', 3])).toEqual({ extra: 1 });
});

test('rows are lost, extra, or have other values', () => {
  const findings = new Findings();
  const expected = new Map([
    ['a', ['1', null, 'x']],
    ['b', ['2', '7', null]],
    ['c', ['3', '7', null]],
  ]);
  const there = new Map([
    ['a', ['1', null, 'x']],
    ['b', ['2', '7', 'null']],
    ['d', ['4', '7', null]],
  ]);
  compareRows('t', expected, there, findings);
  expect(Object.fromEntries(findings.counts)).toEqual({ lost: 1, stale: 1, extra: 1 });
});

test('the last line names what is stale or extra only where there is any', () => {
  const clean = { rows: 9, lost: 0, appliedTwice: 0, stale: 0, extra: 0, problems: [] };
  expect(sinkVerdictText(clean)).toBe('9 rows, 0 lost, 0 applied twice');
  expect(sinkVerdictText({ ...clean, stale: 2 })).toBe('9 rows, 0 lost, 0 applied twice, 2 stale, 0 extra');
  expect(isSinkRight(clean)).toBe(true);
  expect(isSinkRight({ ...clean, extra: 1 })).toBe(false);
  expect(isSinkRight({ ...clean, problems: ['a sink hangs'] })).toBe(false);
});
