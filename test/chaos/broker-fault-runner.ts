import type { KafkaCluster } from '../../infra/local/kafka-cluster.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import { groupCoordinator, transactionCoordinator } from '../support/java-tools.ts';
import { moveLeader } from '../support/partition-leaders.ts';
import type { BrokerFault, LeaderMove, NodeChoice } from './broker-faults.ts';

export interface BrokerTargets {
  readonly cluster: KafkaCluster;
  readonly groupId: string;
  /** Of the job's producers, as faults number them. */
  readonly transactionalIds: readonly string[];
  /** Topics whose leaders are moved. */
  readonly topics: readonly { readonly name: string; readonly partitions: number }[];
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Breaks a broker and mends it. */
export async function breakBroker(
  fault: BrokerFault,
  targets: BrokerTargets,
  signal: AbortSignal,
): Promise<void> {
  const { clock, cluster, say } = targets;
  if (fault.kind === 'move leaders') return moveLeaders(fault.moves, targets);
  const { id, why } = await choose(fault.node, targets);
  const node = cluster.node(id);
  say(`${fault.kind} ${id}${why} for ${fault.forMs} ms`);
  if (fault.kind === 'freeze broker') {
    await node.pause();
    await clock.sleep(fault.forMs, signal);
    return node.resume();
  }
  await (fault.kind === 'kill broker' ? node.kill() : node.stop());
  await clock.sleep(fault.forMs, signal);
  await node.start();
}

async function choose(
  choice: NodeChoice,
  { cluster, transactionalIds, groupId, say }: BrokerTargets,
): Promise<{ readonly id: number; readonly why: string }> {
  if (choice.by === 'id') return { id: choice.id, why: '' };
  try {
    if (choice.by === 'group')
      return { id: await groupCoordinator(cluster, groupId), why: ' (coordinates the group)' };
    const transactionalId = transactionalIds[choice.producer] ?? '';
    const id = await transactionCoordinator(cluster, transactionalId);
    return { id, why: ` (coordinates the transactions of ${transactionalId})` };
  } catch (error) {
    say(`no coordinator is told (${describe(error).split('\n')[0]}), so it is broker 1`);
    return { id: 1, why: '' };
  }
}

async function moveLeaders(
  moves: readonly LeaderMove[],
  { cluster, topics, say }: BrokerTargets,
): Promise<void> {
  for (const { topic, where, to } of moves) {
    const chosen = topics[Math.floor(topic * topics.length)];
    if (chosen === undefined) continue;
    const partition = Math.floor(where * chosen.partitions);
    say(`move leader of ${chosen.name} ${partition} to broker ${to}`);
    try {
      await moveLeader(cluster, chosen.name, partition, to);
    } catch {
      say(`broker ${to} is not in sync and does not become the leader`);
    }
  }
}
