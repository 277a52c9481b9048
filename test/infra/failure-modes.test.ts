import { expect, test } from 'vitest';
import { METRIC } from '../../infra/process/metrics.ts';
import { KNOWN_CODES, STOPPING_CODES } from './failure-codes.ts';
import { isSaid, messagesIn, readFailureModes, titlesIn } from './failure-modes.ts';

const SECTIONS = readFailureModes();
const UNPROVED = 'Not proved by a test';
const MODES = SECTIONS.filter(({ title }) => title !== UNPROVED).flatMap(({ modes }) => modes);
const TEXT = SECTIONS.map(({ text }) => text).join('\n');
const METRICS: ReadonlySet<string> = new Set(Object.values(METRIC));

/** Of all that the document names in backticks, what begins as a code does. */
const FAMILIES = new Set(
  [...STOPPING_CODES, 'slot.lost', 'table.lost', 'role.lost', 'publication.lost'].map(
    (code) => code.split('.')[0],
  ),
);
const CODES = [...TEXT.matchAll(/`([a-z]+)\.([a-z_]+)`/g)]
  .filter(([, family]) => FAMILIES.has(family))
  .map(([, family, name]) => `${family}.${name}`);

test('each failure mode names a test that proves it, and the test is there', () => {
  expect(MODES.length).toBeGreaterThan(50);
  const wanting = MODES.flatMap(({ what, proofs }) => {
    if (proofs.length === 0) return [`${what}: no test is named`];
    return proofs
      .filter(({ title, file }) => titlesIn(file)?.some((each) => each.includes(title)) !== true)
      .map(({ title, file }) => `${what}: ${file} has no test "${title}"`);
  });
  expect(wanting).toEqual([]);
});

test('every code that stops a program is among the failure modes, or among those that need no operator', () => {
  const told = new Set(CODES);
  expect([...STOPPING_CODES].filter((code) => !told.has(code)).toSorted()).toEqual([]);
});

test('every code and every metric that is named is one of the product', () => {
  expect(CODES.filter((code) => !KNOWN_CODES.has(code))).toEqual([]);
  const metrics = TEXT.match(/millrace_[a-z_]+/g) ?? [];
  expect(metrics.filter((name) => !METRICS.has(name))).toEqual([]);
});

test('every message is quoted as the product prints it', () => {
  const messages = messagesIn(TEXT);
  expect(messages.length).toBeGreaterThan(50);
  expect(messages.filter((message) => !isSaid(message))).toEqual([]);
});
