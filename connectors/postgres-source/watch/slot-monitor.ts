import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { AlarmBoard } from './alarm.ts';
import { slotAlarms } from './slot-alarms.ts';
import type { SlotMetrics } from './slot-metrics.ts';
import { type SlotReading, readSlot } from './slot-reading.ts';
import { type SlotForecast, SlotTrend } from './slot-trend.ts';
import { WireConnection } from '../wire/wire-connection.ts';

const LOOK_INTERVAL_MS = 10_000;
/** No lock is waited for: a server that is silent for so long is behind a dead line. */
const ANSWER_MAX_MS = 30_000;
/** The slot in numbers goes to the log this often; alarms go at once. */
const LOG_INTERVAL_MS = 5 * 60_000;

export interface SlotMonitorOptions {
  readonly databaseUrl: string;
  readonly slotName: string;
  readonly metrics: SlotMetrics;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Measures the slot as long as the process lives, over a session of its own: a slot is in danger just when the source
 * cannot read it, because Kafka is away or the source is waiting to be restarted.
 */
export class SlotMonitor implements AsyncDisposable {
  readonly #options: SlotMonitorOptions;
  readonly #trend = new SlotTrend();
  readonly #alarms: AlarmBoard;
  readonly #timer: Disposable;
  #session: WireConnection | null = null;
  #looking: Promise<void> | null = null;
  #loggedMs = Number.NEGATIVE_INFINITY;
  #blind = false;

  private constructor(options: SlotMonitorOptions) {
    this.#options = options;
    this.#alarms = new AlarmBoard(options.log);
    this.#timer = options.clock.every(LOOK_INTERVAL_MS, () => void this.look());
  }

  /** Begins to look at once. */
  static start(options: SlotMonitorOptions): SlotMonitor {
    const monitor = new SlotMonitor(options);
    void monitor.look();
    return monitor;
  }

  /** One look; joins the one that is under way. Never rejects: a server that is away is looked at again. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer[Symbol.dispose]();
    // A query on a dead line ends with its session.
    await this.#forget();
    await this.#looking;
    await this.#forget();
  }

  async #look(): Promise<void> {
    const { slotName, databaseUrl, log } = this.#options;
    try {
      this.#session ??= await WireConnection.open({
        url: databaseUrl,
        replication: false,
        applicationName: `millrace-monitor ${slotName}`,
      });
      this.#session.queryMaxMs = ANSWER_MAX_MS;
      const slot = await readSlot(this.#session, slotName);
      this.#blind = false;
      if (slot !== null) this.#show(slot);
    } catch (error) {
      if (!this.#blind) log.warn({ reason: describe(error) }, 'the slot cannot be looked at');
      this.#blind = true;
      await this.#forget();
    }
  }

  #show(slot: SlotReading): void {
    const { slotName, metrics, clock, log } = this.#options;
    const nowMs = clock.now();
    const forecast = this.#trend.add(nowMs, slot);
    metrics.show(slot, forecast);
    this.#alarms.show(slotAlarms(slotName, slot, forecast), nowMs);
    if (!hasPassed(nowMs, this.#loggedMs, LOG_INTERVAL_MS)) return;
    this.#loggedMs = nowMs;
    log.info(logFields(slotName, slot, forecast), 'slot');
  }

  async #forget(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.[Symbol.asyncDispose]();
  }
}

function logFields(name: string, slot: SlotReading, forecast: SlotForecast): object {
  const { lagBytes, retainedBytes, safeBytes, walStatus, active, inactiveMs, invalidation } = slot;
  const { growthBytesPerSecond, fullInSeconds } = forecast;
  return {
    slot: name,
    lagBytes,
    retainedBytes,
    safeBytes,
    growthBytesPerSecond: Math.round(growthBytesPerSecond),
    fullInSeconds: Number.isFinite(fullInSeconds) ? Math.round(fullInSeconds) : null,
    walStatus,
    active,
    inactiveMs,
    invalidation,
    catalogXminAge: slot.catalogXminAge,
    readXminAge: slot.readXminAge,
  };
}
