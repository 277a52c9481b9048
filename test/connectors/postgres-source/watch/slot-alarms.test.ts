import { expect, test } from 'vitest';
import { slotAlarms } from '../../../../connectors/postgres-source/watch/slot-alarms.ts';
import type { SlotReading } from '../../../../connectors/postgres-source/watch/slot-reading.ts';
import { HEALTHY_SLOT } from '../healthy-slot.ts';

const MIB = 1024 ** 2;

const CALM = { growthBytesPerSecond: 0, fullInSeconds: Infinity, usedFraction: 0 };

const codes = (slot: Partial<SlotReading>, forecast: Partial<typeof CALM> = {}): string[] =>
  slotAlarms('shop', { ...HEALTHY_SLOT, ...slot }, { ...CALM, ...forecast }).map(
    ({ code, level }) => `${code} ${level}`,
  );

test('a healthy slot raises nothing', () => {
  expect(codes({})).toEqual([]);
});

test.each<[string[], Partial<SlotReading>, Partial<typeof CALM>]>([
  [['slot.retention warn'], {}, { usedFraction: 0.5 }],
  [['slot.retention error'], {}, { usedFraction: 0.8 }],
  [['slot.filling warn'], {}, { fullInSeconds: 3_600 }],
  [['slot.filling error'], {}, { fullInSeconds: 600 }],
  [['slot.unreserved error'], { walStatus: 'unreserved' }, {}],
  [['slot.invalidated error'], { walStatus: 'lost', invalidation: 'wal_removed' }, {}],
  [['slot.unlimited warn'], { keepBytesMax: null, safeBytes: null }, {}],
  [
    ['slot.retention warn', 'slot.unlimited warn'],
    { keepBytesMax: null, safeBytes: null, retainedBytes: 11 * 1024 * MIB },
    {},
  ],
  [['slot.idle_timeout warn'], { idleTimeoutMs: 60_000 }, {}],
  [['slot.catalog_xmin warn'], { catalogXminAge: 100_000_000 }, {}],
  [['slot.catalog_xmin error'], { catalogXminAge: 200_000_000 }, {}],
])('%j is raised, with what to do (case %#)', (expected, slot, forecast) => {
  expect(codes(slot, forecast)).toEqual(expected);
  for (const { fix } of slotAlarms('shop', { ...HEALTHY_SLOT, ...slot }, { ...CALM, ...forecast }))
    expect(fix).toMatch(/\w/);
});
