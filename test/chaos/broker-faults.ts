import { type Random, between, whole } from './fault-lane.ts';

const NODES = 3;
const DOWN_MS = { from: 0, to: 5_000 };
const FROZEN_BROKER_MS = { from: 500, to: 6_000 };
const MOVES_MAX = 4;

/** `by: 'group'` is the broker that coordinates the job's group then, `by: 'transaction'` that of one of its producers. */
export type NodeChoice =
  | { readonly by: 'id'; readonly id: number }
  | { readonly by: 'group' }
  | { readonly by: 'transaction'; readonly producer: number };

export interface LeaderMove {
  /** Uniform in [0, 1): which topic of those that there are, and which partition of it. */
  readonly topic: number;
  readonly where: number;
  readonly to: number;
}

export type BrokerFault =
  | {
      readonly kind: 'kill broker' | 'stop broker' | 'freeze broker';
      readonly node: NodeChoice;
      readonly forMs: number;
    }
  | { readonly kind: 'move leaders'; readonly moves: readonly LeaderMove[]; readonly forMs: 0 };

/** What may happen to a cluster of three under a job of so many transactional producers. */
export function brokerFaultOf(producers: number): (random: Random) => BrokerFault {
  return (random) => {
    const dice = random();
    if (dice < 0.35) {
      const moves = Array.from({ length: 1 + whole(random, MOVES_MAX) }, () => leaderMove(random));
      return { kind: 'move leaders', moves, forMs: 0 };
    }
    const node = nodeChoice(random, producers);
    if (dice < 0.6) return { kind: 'kill broker', node, forMs: between(random, DOWN_MS) };
    if (dice < 0.9) return { kind: 'stop broker', node, forMs: between(random, DOWN_MS) };
    return { kind: 'freeze broker', node, forMs: between(random, FROZEN_BROKER_MS) };
  };
}

function leaderMove(random: Random): LeaderMove {
  return { topic: random(), where: random(), to: 1 + whole(random, NODES) };
}

function nodeChoice(random: Random, producers: number): NodeChoice {
  const dice = random();
  if (dice < 0.4) return { by: 'transaction', producer: whole(random, producers) };
  if (dice < 0.7) return { by: 'group' };
  return { by: 'id', id: 1 + whole(random, NODES) };
}
