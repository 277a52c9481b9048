import { type Planned, type Random, between, pick, planLane, whole } from '../fault-lane.ts';
import { seededRandom } from '../seeded-random.ts';

const BROKERS = 3;
/** wal_sender_timeout of the scenario's Postgres: what is frozen for longer has lost its walsender. */
export const SENDER_TIMEOUT_MS = 5_000;
/** Shorter and longer than the walsender's patience. */
const FROZEN_MS = { from: 500, to: SENDER_TIMEOUT_MS + 5_000 };
const BROKER_DOWN_MS = { from: 0, to: 5_000 };
/** Between a chunk's read and its mark lies a round trip: with a long one others get in between. */
const SLOW = { forMs: { from: 2_000, to: 8_000 }, delayMs: { from: 20, to: 150 } };
const OUTAGE_MS = { from: 1_000, to: 7_000 };

/** What happens to the source's own processes. */
export type ProcessFault =
  | { readonly kind: 'kill source'; readonly forMs: number }
  | {
      readonly kind: 'freeze source';
      readonly forMs: number;
      /** Another instance is started in the meantime, so many milliseconds later; null: none. */
      readonly takeoverMs: number | null;
    };

/** What happens between source and Postgres, and to Postgres. */
export type DatabaseFault =
  | { readonly kind: 'end walsender' | 'end sessions' | 'cut lines' | 'deaden lines'; readonly forMs: 0 }
  | { readonly kind: 'slow lines'; readonly forMs: number; readonly delayMs: number }
  | { readonly kind: 'restart postgres'; readonly forMs: number; readonly crash: boolean };

/** What happens to Kafka and the registry. */
export type KafkaFault =
  | {
      readonly kind: 'kill broker' | 'stop broker' | 'freeze broker';
      readonly node: number;
      readonly forMs: number;
    }
  | { readonly kind: 'freeze kafka' | 'freeze registry'; readonly forMs: number };

export interface SourceFaultSchedule {
  readonly processes: readonly Planned<ProcessFault>[];
  readonly database: readonly Planned<DatabaseFault>[];
  readonly kafka: readonly Planned<KafkaFault>[];
}

/** The faults of `seconds` seconds in three lanes; a seed always gives the same ones. */
export function planSourceFaults(seed: number, seconds: number): SourceFaultSchedule {
  const random = seededRandom(seed);
  const own = (): Random => seededRandom(Math.floor(random() * 2 ** 32));
  // The source has to get somewhere between two faults, or nothing is tested but the start.
  const pauseMs = { from: 3_000, to: 12_000 };
  const startMs = { from: 4_000, to: 15_000 };
  return {
    processes: planLane(seconds, own(), processFault, startMs),
    database: planLane(seconds, own(), databaseFault, pauseMs),
    kafka: planLane(seconds, own(), kafkaFault, pauseMs),
  };
}

function processFault(random: Random): ProcessFault {
  if (random() < 0.6) return { kind: 'kill source', forMs: between(random, { from: 0, to: 1_500 }) };
  const forMs = between(random, FROZEN_MS);
  const takeoverMs = random() < 0.6 ? Math.round(forMs * random()) : null;
  return { kind: 'freeze source', forMs, takeoverMs };
}

function databaseFault(random: Random): DatabaseFault {
  const dice = random();
  if (dice < 0.35)
    return {
      kind: 'slow lines',
      forMs: between(random, SLOW.forMs),
      delayMs: between(random, SLOW.delayMs),
    };
  if (dice < 0.85)
    return {
      kind: pick(random, ['end walsender', 'end sessions', 'cut lines', 'deaden lines'] as const),
      forMs: 0,
    };
  return {
    kind: 'restart postgres',
    forMs: between(random, { from: 0, to: 2_000 }),
    crash: random() < 0.5,
  };
}

function kafkaFault(random: Random): KafkaFault {
  const dice = random();
  if (dice < 0.2) return { kind: 'freeze kafka', forMs: between(random, OUTAGE_MS) };
  if (dice < 0.35) return { kind: 'freeze registry', forMs: between(random, OUTAGE_MS) };
  const kind = pick(random, ['kill broker', 'stop broker', 'freeze broker'] as const);
  return { kind, node: 1 + whole(random, BROKERS), forMs: between(random, BROKER_DOWN_MS) };
}
