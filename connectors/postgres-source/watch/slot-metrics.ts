import { METRIC, type Metrics } from '../../../infra/process/metrics.ts';
import type { SlotReading } from './slot-reading.ts';
import type { SlotForecast } from './slot-trend.ts';

const WAL_STATES = ['reserved', 'extended', 'unreserved', 'lost'] as const;

/** The slot as gauges. What has no limit is +Inf. */
export class SlotMetrics {
  readonly #lagBytes;
  readonly #retainedBytes;
  readonly #safeBytes;
  readonly #growth;
  readonly #fullIn;
  readonly #status;
  readonly #active;
  readonly #invalidated;
  readonly #xminAge;
  readonly #readXminAge;

  constructor(metrics: Metrics) {
    const gauge = (name: string, help: string) => metrics.gauge(name, help, []);
    this.#lagBytes = gauge(METRIC.sourceLagBytes, 'WAL written and not acknowledged yet');
    this.#retainedBytes = gauge(METRIC.slotRetainedBytes, 'WAL that the slot keeps on the server');
    this.#safeBytes = gauge(METRIC.slotSafeBytes, 'WAL that can be written before the slot may lose some');
    this.#growth = gauge(METRIC.slotGrowth, 'Growth of the WAL that the slot keeps, per second, of late');
    this.#fullIn = gauge(METRIC.slotFullInSeconds, 'Time until the slot may lose WAL, at the growth of late');
    this.#status = metrics.gauge(METRIC.slotWalStatus, '1 for the wal_status that the slot has', ['status']);
    this.#active = gauge(METRIC.slotActive, '1 while a walsender reads the slot');
    this.#invalidated = metrics.gauge(METRIC.slotInvalidated, '1 for the reason the slot was given up for', [
      'reason',
    ]);
    this.#xminAge = gauge(
      METRIC.slotXminAge,
      'Transactions whose catalog rows VACUUM must keep for the slot',
    );
    this.#readXminAge = gauge(
      METRIC.readXminAge,
      'Transactions whose rows VACUUM must keep for a table that is being read',
    );
  }

  show(slot: SlotReading, forecast: SlotForecast): void {
    this.#lagBytes.set(slot.lagBytes);
    this.#retainedBytes.set(slot.retainedBytes ?? 0);
    this.#safeBytes.set(slot.safeBytes ?? (slot.invalidation === null ? Infinity : 0));
    this.#growth.set(forecast.growthBytesPerSecond);
    this.#fullIn.set(slot.invalidation === null ? forecast.fullInSeconds : 0);
    for (const status of WAL_STATES) this.#status.set({ status }, slot.walStatus === status ? 1 : 0);
    this.#active.set(slot.active ? 1 : 0);
    this.#invalidated.reset();
    if (slot.invalidation !== null) this.#invalidated.set({ reason: slot.invalidation }, 1);
    this.#xminAge.set(slot.catalogXminAge);
    this.#readXminAge.set(slot.readXminAge);
  }
}
