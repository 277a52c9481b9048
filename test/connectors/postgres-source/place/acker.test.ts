import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssertionFailure } from '../../../../infra/process/assert.ts';
import { Acker } from '../../../../connectors/postgres-source/place/acker.ts';

test('S48 what was read but is not in Kafka is not acknowledged', () => {
  const acker = new Acker(10n);
  for (let end = 20n; end <= 1000n; end += 10n) {
    acker.begin();
    acker.commit(end);
  }
  expect(acker.flushed).toBe(10n);
  acker.published(100n);
  expect(acker.flushed).toBe(100n);
});

test('S41 the acknowledged LSN is the end of the commit, not a byte more: the next commit may start there', () => {
  const acker = new Acker(0n);
  acker.begin();
  acker.commit(0x177c328n);
  acker.published(acker.reached);
  expect(acker.flushed).toBe(0x177c328n);
});

test('S45 a keepalive inside of a transaction moves nothing', () => {
  const acker = new Acker(10n);
  acker.begin();
  acker.keepalive(500n);
  expect(acker.reached).toBe(10n);
  acker.commit(600n);
  expect(acker.reached).toBe(600n);
});

test('S118 an idle keepalive moves what may be published, and nothing is acknowledged before that', () => {
  const acker = new Acker(10n);
  acker.keepalive(500n);
  expect([acker.reached, acker.flushed]).toEqual([500n, 10n]);
  acker.published(acker.reached);
  expect(acker.flushed).toBe(500n);
});

test('a position beyond what was read is a mistake of ours', () => {
  expect(() => new Acker(10n).published(11n)).toThrow(AssertionFailure);
});

test('whatever arrives, the acknowledged LSN never goes back and never passes what Kafka has', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('transaction' as const), lsn: fc.bigInt(0n, 1000n) }),
    fc.record({ kind: fc.constant('keepalive' as const), lsn: fc.bigInt(0n, 1000n) }),
    fc.record({ kind: fc.constant('published' as const), lsn: fc.constant(0n) }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const acker = new Acker(0n);
      let published = 0n;
      let last = 0n;
      for (const { kind, lsn } of steps) {
        if (kind === 'transaction') {
          acker.begin();
          acker.keepalive(lsn + 1n);
          acker.commit(lsn);
        } else if (kind === 'keepalive') acker.keepalive(lsn);
        else {
          published = acker.reached;
          acker.published(published);
        }
        expect(acker.flushed).toBe(published);
        expect(acker.flushed).toBeGreaterThanOrEqual(last);
        last = acker.flushed;
      }
    }),
  );
});
