import type { Clock } from '../../../infra/process/clock.ts';

/** A clock that stands until the test moves it; sleeps end at once. */
export interface ManualClock extends Clock {
  nowMs: number;
  /** Runs every timer's tick once. */
  readonly tick: () => void;
}

export function manualClock(): ManualClock {
  const ticks = new Set<() => void>();
  return {
    nowMs: 0,
    now() {
      return this.nowMs;
    },
    sleep: () => Promise.resolve(),
    every(_, tick) {
      ticks.add(tick);
      return { [Symbol.dispose]: () => void ticks.delete(tick) };
    },
    tick() {
      for (const tick of ticks) tick();
    },
  };
}
