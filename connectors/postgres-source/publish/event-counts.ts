import type { Log } from '../../../infra/process/log.ts';
import { METRIC, type Metrics } from '../../../infra/process/metrics.ts';

/** Why something that was written is no record in Kafka. */
type Dropped = 'outbox_update' | 'non_transactional_message';

const SAID: Readonly<Record<Dropped, string>> = {
  outbox_update: 'an update in the outbox table is no event: it is left out',
  non_transactional_message:
    'a logical message outside of a transaction is not published: no commit says where it belongs',
};

/** Counts outbox events and logical messages. The log says it seldom: at the first, second, fourth, eighth time ... */
export class EventCounts {
  readonly #log: Log;
  readonly #published;
  readonly #dropped;
  readonly #times = new Map<string, number>();

  constructor(metrics: Metrics, log: Log) {
    this.#log = log;
    this.#published = metrics.counter(METRIC.eventsRouted, 'Outbox events and logical messages', ['topic']);
    this.#dropped = metrics.counter(METRIC.eventsDropped, 'Outbox updates and messages that are not events', [
      'reason',
    ]);
  }

  published(topic: string): void {
    this.#published.inc({ topic });
  }

  updated(): void {
    this.#drop('outbox_update');
  }

  nonTransactional(): void {
    this.#drop('non_transactional_message');
  }

  /** It is published all the same, in the topic for such. */
  setAside(reason: string): void {
    this.#warn('set_aside', reason, 'an outbox event is set aside');
  }

  #drop(reason: Dropped): void {
    this.#dropped.inc({ reason });
    this.#warn(reason, reason, SAID[reason]);
  }

  #warn(kind: string, reason: string, message: string): void {
    const times = (this.#times.get(kind) ?? 0) + 1;
    this.#times.set(kind, times);
    if ((times & (times - 1)) === 0) this.#log.warn({ reason, times }, message);
  }
}
