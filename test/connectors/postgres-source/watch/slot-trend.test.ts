import { expect, test } from 'vitest';
import { SlotTrend } from '../../../../connectors/postgres-source/watch/slot-trend.ts';
import { HEALTHY_SLOT } from '../healthy-slot.ts';

test('a slot that grows steadily is full when what is safe is used up', () => {
  const trend = new SlotTrend();
  trend.add(0, { ...HEALTHY_SLOT, retainedBytes: 0, safeBytes: 1000 });
  const forecast = trend.add(10_000, { ...HEALTHY_SLOT, retainedBytes: 500, safeBytes: 500 });
  expect(forecast).toEqual({ growthBytesPerSecond: 50, fullInSeconds: 10, usedFraction: 0.5 });
});

test('a slot that does not grow is never full, nor is one without a limit', () => {
  const shrinking = new SlotTrend();
  shrinking.add(0, { ...HEALTHY_SLOT, retainedBytes: 1000 });
  expect(shrinking.add(1000, { ...HEALTHY_SLOT, retainedBytes: 0 }).fullInSeconds).toBe(Infinity);
  const unlimited = new SlotTrend();
  unlimited.add(0, { ...HEALTHY_SLOT, retainedBytes: 0, safeBytes: null });
  const forecast = unlimited.add(1000, { ...HEALTHY_SLOT, retainedBytes: 1000, safeBytes: null });
  expect(forecast).toEqual({ growthBytesPerSecond: 1000, fullInSeconds: Infinity, usedFraction: 0 });
});

test('growth is that of the last minutes, not of the whole life', () => {
  const trend = new SlotTrend();
  trend.add(0, { ...HEALTHY_SLOT, retainedBytes: 0 });
  trend.add(600_000, { ...HEALTHY_SLOT, retainedBytes: 1_000_000 });
  expect(trend.add(610_000, { ...HEALTHY_SLOT, retainedBytes: 1_000_100 }).growthBytesPerSecond).toBe(10);
});
