import type { Alarm } from './alarm.ts';
import type { SlotReading } from './slot-reading.ts';
import type { SlotForecast } from './slot-trend.ts';

const USED_WARN = 0.5;
const USED_ERROR = 0.8;
const FULL_WARN_SECONDS = 3_600;
const FULL_ERROR_SECONDS = 600;
/** Without a limit the disk is the limit, and its size is not known here. */
const RETAINED_WARN_BYTES = 10 * 1024 ** 3;
/** Half and all of autovacuum_freeze_max_age as Postgres ships it. */
const XMIN_AGE_WARN = 100_000_000;
const XMIN_AGE_ERROR = 200_000_000;

/** What is wrong with the slot, or about to be. */
export function slotAlarms(name: string, slot: SlotReading, forecast: SlotForecast): Alarm[] {
  return [
    lost(name, slot),
    retention(name, slot, forecast),
    filling(name, slot, forecast),
    unlimited(name, slot),
    idleTimeout(name, slot),
    vacuum(name, slot),
  ].filter((alarm) => alarm !== null);
}

function lost(name: string, { invalidation, walStatus }: SlotReading): Alarm | null {
  if (invalidation !== null)
    return {
      code: 'slot.invalidated',
      level: 'error',
      message: `the server has given slot ${name} up: ${invalidation}`,
      fix: 'start afresh under another slot name and topic prefix; raise the limit that was reached',
    };
  if (walStatus !== 'unreserved') return null;
  return {
    code: 'slot.unreserved',
    level: 'error',
    message: `slot ${name} needs WAL beyond max_slot_wal_keep_size: the next checkpoint may remove it, and the slot with it`,
    fix: 'raise max_slot_wal_keep_size and reload now; then find out why the source does not keep up',
  };
}

function retention(name: string, slot: SlotReading, { usedFraction }: SlotForecast): Alarm | null {
  const retained = slot.retainedBytes ?? 0;
  const fix =
    'find out why the source does not keep up (its log, Kafka, a long transaction on the source), or raise max_slot_wal_keep_size';
  if (usedFraction >= USED_WARN)
    return {
      code: 'slot.retention',
      level: usedFraction >= USED_ERROR ? 'error' : 'warn',
      message: `slot ${name} keeps ${size(retained)} of WAL, ${Math.round(usedFraction * 100)}% of what it may`,
      fix,
    };
  if (slot.keepBytesMax !== null || retained < RETAINED_WARN_BYTES) return null;
  return {
    code: 'slot.retention',
    level: 'warn',
    message: `slot ${name} keeps ${size(retained)} of WAL and nothing limits it but the disk of the source`,
    fix,
  };
}

function filling(name: string, slot: SlotReading, forecast: SlotForecast): Alarm | null {
  const { fullInSeconds, growthBytesPerSecond } = forecast;
  if (fullInSeconds > FULL_WARN_SECONDS || slot.invalidation !== null) return null;
  return {
    code: 'slot.filling',
    level: fullInSeconds <= FULL_ERROR_SECONDS ? 'error' : 'warn',
    message: `slot ${name} grows by ${size(growthBytesPerSecond)}/s and is full in ${Math.round(fullInSeconds / 60)} min`,
    fix: 'raise max_slot_wal_keep_size to gain time; then find out why the source does not keep up',
  };
}

function unlimited(name: string, { keepBytesMax }: SlotReading): Alarm | null {
  if (keepBytesMax !== null) return null;
  return {
    code: 'slot.unlimited',
    level: 'warn',
    once: true,
    message: `max_slot_wal_keep_size is -1: while the source is away, WAL for slot ${name} can fill the disk of the source`,
    fix: 'set max_slot_wal_keep_size to what the disk can spare; beyond it the slot is lost and the tables are read anew',
  };
}

function idleTimeout(name: string, { idleTimeoutMs }: SlotReading): Alarm | null {
  if (idleTimeoutMs === null) return null;
  return {
    code: 'slot.idle_timeout',
    level: 'warn',
    once: true,
    message: `idle_replication_slot_timeout is ${Math.round(idleTimeoutMs / 60_000)} min: slot ${name} is lost when the source is away for longer`,
    fix: 'set it to 0, or to longer than the source may ever be away',
  };
}

function vacuum(name: string, { catalogXminAge }: SlotReading): Alarm | null {
  if (catalogXminAge < XMIN_AGE_WARN) return null;
  return {
    code: 'slot.catalog_xmin',
    level: catalogXminAge >= XMIN_AGE_ERROR ? 'error' : 'warn',
    message: `slot ${name} keeps VACUUM from the catalog rows of the last ${catalogXminAge} transactions`,
    fix: 'let the source catch up, and end the long transactions on the source; a slot that nobody reads is to be dropped',
  };
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

function size(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(Math.abs(bytes), 1)) / 10), UNITS.length - 1);
  return `${Math.round((bytes / 1024 ** power) * 10) / 10} ${UNITS[power]}`;
}
