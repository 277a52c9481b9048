/** The only source of wall time. Code that needs time or timers takes a Clock, so that tests own both. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds, or as soon as `signal` aborts (it does not reject). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `tick` every `ms` milliseconds until disposed. The timer does not keep the process alive. */
  every(ms: number, tick: () => void): Disposable;
}

/** Whether `ms` have passed since `sinceMs`. A clock that was set back does not tell: then they have. */
export function hasPassed(nowMs: number, sinceMs: number, ms: number): boolean {
  return nowMs - sinceMs >= ms || nowMs < sinceMs;
}

export const systemClock: Clock = {
  now: () => Date.now(),

  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener('abort', wake, { once: true });
    });
  },

  every(ms, tick) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};
