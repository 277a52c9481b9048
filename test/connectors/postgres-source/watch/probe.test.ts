import { expect, test } from 'vitest';
import { Probe } from '../../../../connectors/postgres-source/watch/probe.ts';

test('S120 an idle source has no lag, however long it is idle', () => {
  const probe = new Probe(0);
  probe.sent(100n, 0);
  probe.saw(100n, 1, 10_000);
  expect([probe.lagMs(3_600_000), probe.pace(3_600_000)]).toEqual([0, 'idle']);
});

test('one probe is on its way at a time, and the next follows after half a minute', () => {
  const probe = new Probe(0);
  expect(probe.due(0)).toBe(true);
  probe.sent(100n, 0);
  expect(probe.due(60_000)).toBe(false);
  probe.saw(100n, 1, 10_000);
  expect([probe.due(20_000), probe.due(30_000)]).toEqual([false, true]);
});

test('a source that works through a backlog is behind, not stalled', () => {
  const probe = new Probe(0);
  probe.sent(1_000_000n, 0);
  for (let nowMs = 10_000; nowMs <= 600_000; nowMs += 10_000) {
    probe.saw(BigInt(nowMs), 0, nowMs);
    expect(probe.pace(nowMs)).toBe('behind');
  }
  expect(probe.lagMs(600_000)).toBe(600_000);
});

test('a transaction that is larger than the budget moves Kafka alone, and is not stalled', () => {
  const probe = new Probe(0);
  probe.sent(1_000n, 0);
  for (let nowMs = 10_000; nowMs <= 600_000; nowMs += 10_000) {
    probe.saw(10n, nowMs, nowMs);
    expect(probe.pace(nowMs)).toBe('behind');
  }
});

test('a source is stalled when neither slot nor Kafka moves for a minute, and no more once one does', () => {
  const probe = new Probe(0);
  probe.sent(1_000n, 0);
  probe.saw(10n, 1, 10_000);
  probe.saw(10n, 1, 69_000);
  expect(probe.pace(69_000)).toBe('behind');
  probe.saw(10n, 1, 70_000);
  expect(probe.pace(70_000)).toBe('stalled');
  probe.saw(11n, 1, 80_000);
  expect(probe.pace(80_000)).toBe('behind');
});
