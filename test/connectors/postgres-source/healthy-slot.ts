import type { SlotReading } from '../../../connectors/postgres-source/watch/slot-reading.ts';

const MIB = 1024 ** 2;

/** A slot that nothing is wrong with. */
export const HEALTHY_SLOT: SlotReading = {
  flushedLsn: 200n,
  confirmedFlush: 100n,
  lagBytes: 100,
  retainedBytes: 100,
  safeBytes: 1000 * MIB,
  walStatus: 'reserved',
  active: true,
  inactiveMs: null,
  invalidation: null,
  catalogXminAge: 10,
  readXminAge: 0,
  keepBytesMax: 1024 * MIB,
  idleTimeoutMs: null,
};
