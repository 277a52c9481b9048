import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { Acker } from '../place/acker.ts';
import type { Batcher } from '../publish/batcher.ts';
import type { ChangeReader } from './change-reader.ts';
import { nextTurn } from '../wire/next-turn.ts';
import type { Publisher } from '../publish/publisher.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** With a backlog, a Kafka transaction is worth its round trips only from here on. */
const GROUP_BYTES_MIN = 1024 * 1024;
/** Other work waits for at most so much of what has arrived already: some 10 ms. */
const SLICE_BYTES_MAX = 512 * 1024;
const TICK_MS = 100;
/** Progress without rows goes to Kafka this often. */
const IDLE_INTERVAL_MS = 1_000;

export interface ChangeStreamOptions {
  readonly wire: WireConnection;
  readonly reader: ChangeReader;
  readonly acker: Acker;
  readonly batcher: Batcher;
  readonly publisher: Publisher;
  readonly clock: Clock;
  /** The server accepted the stream. */
  readonly onStreaming: () => void;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Pulls segments until `signal`, then publishes what is complete. Rows are committed at once while nothing waits
 * behind them; with a backlog they are grouped. What was complete before an error is published all the same: a change
 * that stops the source holds nothing back that was committed before it.
 */
export async function streamChanges(options: ChangeStreamOptions): Promise<void> {
  const { wire, batcher, clock, signal, log } = options;
  const wake = (): void => wire.nudge();
  signal.addEventListener('abort', wake, { once: true });
  const idle = clock.every(TICK_MS, idleTick(options));
  try {
    await pullChanges(options);
  } catch (error) {
    await batcher
      .drain()
      .catch((second: unknown) => log.debug({ err: second }, `not published: ${describe(second)}`));
    throw error;
  } finally {
    idle[Symbol.dispose]();
    signal.removeEventListener('abort', wake);
  }
  await batcher.drain();
}

async function pullChanges(options: ChangeStreamOptions): Promise<void> {
  const { wire, reader, batcher, signal } = options;
  let slice = 0;
  let told = false;
  while (!signal.aborted) {
    const segment = wire.take();
    if (segment === null) {
      batcher.kick();
      await wire.readable();
      continue;
    }
    await reader.consume(segment);
    wire.giveBack(segment);
    if (reader.streaming && !told) {
      told = true;
      options.onStreaming();
    }
    if (wire.queuedBytes === 0 || batcher.bytes >= GROUP_BYTES_MIN) batcher.kick();
    slice += segment.length;
    if (slice >= SLICE_BYTES_MAX) {
      slice = 0;
      await nextTurn();
    }
  }
}

/** Progress beyond the last row (other tables' WAL, the last cut) goes out when nothing else does. */
function idleTick(options: ChangeStreamOptions): () => void {
  const { acker, batcher, publisher, clock } = options;
  let lastMs = clock.now();
  return () => {
    if (!batcher.idle) return;
    const nowMs = clock.now();
    if (hasPassed(nowMs, lastMs, IDLE_INTERVAL_MS)) batcher.advance(acker.reached);
    else if (!publisher.cutIsBehind(batcher.published.endLsn)) return;
    if (!batcher.ahead && !publisher.cutIsBehind(batcher.published.endLsn)) return;
    lastMs = nowMs;
    batcher.publishProgress();
  };
}
