import { type BrokerFault, brokerFaultOf } from './broker-faults.ts';
import { type Planned, type Random, between, planLane, whole } from './fault-lane.ts';
import { seededRandom } from './seeded-random.ts';

/** Copier processes. */
export const COPIERS = 2;
/** Milliseconds without a heartbeat after which the group goes on without a copier. */
export const SESSION_TIMEOUT_MS = 3_000;

/** Longer than the session, up to longer than the transaction timeout too. */
const FROZEN_MS = { from: SESSION_TIMEOUT_MS + 500, to: 10_000 };

export type CopierFault =
  | { readonly kind: 'kill copier'; readonly copier: number; readonly forMs: number }
  | { readonly kind: 'freeze copier'; readonly copier: number; readonly forMs: number };

export interface FaultSchedule {
  readonly copiers: readonly Planned<CopierFault>[];
  readonly brokers: readonly Planned<BrokerFault>[];
}

/** The faults of `seconds` seconds; a seed always gives the same ones. */
export function planFaults(seed: number, seconds: number): FaultSchedule {
  const random = seededRandom(seed);
  return {
    copiers: planLane(seconds, seededRandom(Math.floor(random() * 2 ** 32)), copierFault),
    brokers: planLane(seconds, seededRandom(Math.floor(random() * 2 ** 32)), brokerFaultOf(COPIERS)),
  };
}

function copierFault(random: Random): CopierFault {
  const copier = whole(random, COPIERS);
  return random() < 0.6
    ? { kind: 'kill copier', copier, forMs: between(random, { from: 0, to: 1_500 }) }
    : { kind: 'freeze copier', copier, forMs: between(random, FROZEN_MS) };
}
