import type { SlotReading } from './slot-reading.ts';

/** Long enough that the steps in which restart_lsn moves (a checkpoint, a snapshot of running transactions) even out. */
const WINDOW_MS = 5 * 60_000;

/** How the WAL that the slot keeps has grown of late. */
export interface SlotForecast {
  /** Bytes per second over the last minutes; negative while the slot catches up. */
  readonly growthBytesPerSecond: number;
  /** Seconds until the slot may lose WAL at this growth; Infinity when it does not grow, or without a limit. */
  readonly fullInSeconds: number;
  /** Of max_slot_wal_keep_size, how much the slot keeps: 0 to 1. 0 without a limit. */
  readonly usedFraction: number;
}

/** The last minutes of what a slot retains. */
export class SlotTrend {
  readonly #samples: { readonly atMs: number; readonly retainedBytes: number }[] = [];

  add(nowMs: number, reading: SlotReading): SlotForecast {
    const retainedBytes = reading.retainedBytes ?? 0;
    this.#samples.push({ atMs: nowMs, retainedBytes });
    while ((this.#samples[0]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    const seconds = (nowMs - (first?.atMs ?? nowMs)) / 1000;
    const growth = seconds > 0 ? (retainedBytes - (first?.retainedBytes ?? 0)) / seconds : 0;
    const { safeBytes } = reading;
    return {
      growthBytesPerSecond: growth,
      fullInSeconds: safeBytes === null || growth <= 0 ? Infinity : Math.max(safeBytes, 0) / growth,
      usedFraction: safeBytes === null ? 0 : retainedBytes / Math.max(retainedBytes + safeBytes, 1),
    };
  }
}
