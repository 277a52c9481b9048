import { AnswerFrames } from './answer-frames.ts';
import type { Clock } from '../../infra/process/clock.ts';
import type { KafkajsConnection, KafkajsRequestQueue } from './kafkajs-internals.ts';

/** Milliseconds after which requests that wait for a free place or for the end of a throttle are looked at again. */
const PENDING_CHECK_MIN_MS = 10;
const CORRELATION_ID_BYTES = 4;

/**
 * kafkajs looks at its queue of waiting requests on a timer that it arms even when nothing waits, and with the
 * negative delay of a throttle that never was: a wake-up each millisecond on every idle connection, and a
 * TimeoutNegativeWarning on Node 24. Here the timer runs only while requests wait.
 */
export function patchRequestQueue(
  queueClass: { readonly prototype: KafkajsRequestQueue },
  clock: Clock,
): void {
  const armed = new WeakSet<KafkajsRequestQueue>();
  Object.defineProperty(queueClass.prototype, 'scheduleCheckPendingRequests', {
    value(this: KafkajsRequestQueue): void {
      if (armed.has(this) || this.pending.length === 0) return;
      armed.add(this);
      void clock.sleep(Math.max(this.throttledUntil - clock.now(), PENDING_CHECK_MIN_MS)).then(() => {
        armed.delete(this);
        this.checkPendingRequests();
      });
    },
  });
}

/**
 * Two callers that find a kafkajs connection down open two sockets, of which the first goes on to disturb the
 * second's state. Here they share one attempt.
 */
export function patchConnection(connectionClass: { readonly prototype: KafkajsConnection }): void {
  const open = connectionClass.prototype.connect;
  const attempts = new WeakMap<KafkajsConnection, Promise<boolean>>();
  Object.defineProperty(connectionClass.prototype, 'connect', {
    value(this: KafkajsConnection): Promise<boolean> {
      const running = attempts.get(this);
      if (running !== undefined) return running;
      const attempt = open.call(this).finally(() => attempts.delete(this));
      attempts.set(this, attempt);
      return attempt;
    },
  });
}

/**
 * kafkajs keeps every chunk of an answer until the last one is there and then joins them, twice for a large answer.
 * Here each chunk is copied once, to its place, and may be used again by the socket. The answers to its own
 * authentication, which is not used, are the only ones that it wanted otherwise.
 */
export function patchAnswers(connectionClass: { readonly prototype: KafkajsConnection }): void {
  const frames = new WeakMap<KafkajsConnection, AnswerFrames>();
  Object.defineProperty(connectionClass.prototype, 'processData', {
    value(this: KafkajsConnection, chunk: Buffer): void {
      let own = frames.get(this);
      if (own === undefined) frames.set(this, (own = new AnswerFrames()));
      try {
        own.push(chunk, (frame) => take(this.requestQueue, frame));
      } catch (error) {
        this.socket?.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
}

function take(queue: KafkajsRequestQueue, frame: Buffer): void {
  queue.fulfillRequest({
    size: frame.length,
    correlationId: frame.readInt32BE(0),
    payload: frame.subarray(CORRELATION_ID_BYTES),
  });
}
