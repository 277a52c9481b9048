import { type Planned, type Random, between, planLane, whole } from './fault-lane.ts';
import { seededRandom } from './seeded-random.ts';

/** Copier processes. */
export const COPIERS = 2;
/** Milliseconds without a heartbeat after which the group goes on without a copier. */
export const SESSION_TIMEOUT_MS = 3_000;

const NODES = 3;
const DOWN_MS = { from: 0, to: 5_000 };
/** Longer than the session, up to longer than the transaction timeout too. */
const FROZEN_MS = { from: SESSION_TIMEOUT_MS + 500, to: 10_000 };
const FROZEN_BROKER_MS = { from: 500, to: 6_000 };
const MOVES_MAX = 4;

/** `node: 'group'` is the broker that coordinates the copiers' group then; a number n among transactions is copier n's. */
export type NodeChoice =
  | { readonly by: 'id'; readonly id: number }
  | { readonly by: 'group' }
  | { readonly by: 'transaction'; readonly copier: number };

export interface LeaderMove {
  readonly topic: 'input' | 'output';
  /** Uniform in [0, 1): which partition of those that there are. */
  readonly where: number;
  readonly to: number;
}

export type CopierFault =
  | { readonly kind: 'kill copier'; readonly copier: number; readonly forMs: number }
  | { readonly kind: 'freeze copier'; readonly copier: number; readonly forMs: number };

export type BrokerFault =
  | {
      readonly kind: 'kill broker' | 'stop broker' | 'freeze broker';
      readonly node: NodeChoice;
      readonly forMs: number;
    }
  | { readonly kind: 'move leaders'; readonly moves: readonly LeaderMove[]; readonly forMs: 0 };

export interface FaultSchedule {
  readonly copiers: readonly Planned<CopierFault>[];
  readonly brokers: readonly Planned<BrokerFault>[];
}

/** The faults of `seconds` seconds; a seed always gives the same ones. */
export function planFaults(seed: number, seconds: number): FaultSchedule {
  const random = seededRandom(seed);
  return {
    copiers: planLane(seconds, seededRandom(Math.floor(random() * 2 ** 32)), copierFault),
    brokers: planLane(seconds, seededRandom(Math.floor(random() * 2 ** 32)), brokerFault),
  };
}

function copierFault(random: Random): CopierFault {
  const copier = whole(random, COPIERS);
  return random() < 0.6
    ? { kind: 'kill copier', copier, forMs: between(random, { from: 0, to: 1_500 }) }
    : { kind: 'freeze copier', copier, forMs: between(random, FROZEN_MS) };
}

function brokerFault(random: Random): BrokerFault {
  const dice = random();
  if (dice < 0.35) {
    const moves = Array.from({ length: 1 + whole(random, MOVES_MAX) }, () => leaderMove(random));
    return { kind: 'move leaders', moves, forMs: 0 };
  }
  const node = nodeChoice(random);
  if (dice < 0.6) return { kind: 'kill broker', node, forMs: between(random, DOWN_MS) };
  if (dice < 0.9) return { kind: 'stop broker', node, forMs: between(random, DOWN_MS) };
  return { kind: 'freeze broker', node, forMs: between(random, FROZEN_BROKER_MS) };
}

function leaderMove(random: Random): LeaderMove {
  const topic = random() < 0.5 ? 'input' : 'output';
  return { topic, where: random(), to: 1 + whole(random, NODES) };
}

function nodeChoice(random: Random): NodeChoice {
  const dice = random();
  if (dice < 0.4) return { by: 'transaction', copier: whole(random, COPIERS) };
  if (dice < 0.7) return { by: 'group' };
  return { by: 'id', id: 1 + whole(random, NODES) };
}
