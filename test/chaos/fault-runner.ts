import type { KafkaCluster } from '../../infra/local/kafka-cluster.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import { groupCoordinator, transactionCoordinator } from '../support/java-tools.ts';
import { moveLeader } from '../support/partition-leaders.ts';
import type { CopierSlot } from './copier-process.ts';
import { runLane } from './fault-lane.ts';
import type { BrokerFault, CopierFault, FaultSchedule, NodeChoice } from './fault-schedule.ts';

export interface FaultTargets {
  readonly cluster: KafkaCluster;
  readonly copiers: readonly CopierSlot[];
  readonly groupId: string;
  readonly topics: Readonly<
    Record<'input' | 'output', { readonly name: string; readonly partitions: number }>
  >;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Carries out the schedule until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runFaults(
  schedule: FaultSchedule,
  targets: FaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const lanes = [
    runLane(schedule.copiers, targets.clock, signal, (fault) => breakCopier(fault, targets, signal)),
    runLane(schedule.brokers, targets.clock, signal, (fault) => breakBroker(fault, targets, signal)),
  ];
  return (await Promise.all(lanes)).reduce((sum, done) => sum + done, 0);
}

async function breakCopier(
  { kind, copier, forMs }: CopierFault,
  { copiers, clock, say }: FaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const slot = copiers[copier];
  if (slot === undefined) return;
  say(`${kind} ${copier + 1} for ${forMs} ms`);
  if (kind === 'kill copier') {
    await slot.kill();
    await clock.sleep(forMs, signal);
    slot.start();
  } else {
    slot.freeze();
    await clock.sleep(forMs, signal);
    slot.thaw();
  }
}

async function breakBroker(fault: BrokerFault, targets: FaultTargets, signal: AbortSignal): Promise<void> {
  const { clock, cluster, say } = targets;
  if (fault.kind === 'move leaders') return moveLeaders(fault, targets);
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
  { cluster, copiers, groupId, say }: FaultTargets,
): Promise<{ readonly id: number; readonly why: string }> {
  if (choice.by === 'id') return { id: choice.id, why: '' };
  try {
    if (choice.by === 'group')
      return { id: await groupCoordinator(cluster, groupId), why: ' (coordinates the group)' };
    const transactionalId = copiers[choice.copier]?.transactionalId ?? '';
    const id = await transactionCoordinator(cluster, transactionalId);
    return { id, why: ` (coordinates the transactions of copier ${choice.copier + 1})` };
  } catch (error) {
    say(`no coordinator is told (${describe(error).split('\n')[0]}), so it is broker 1`);
    return { id: 1, why: '' };
  }
}

async function moveLeaders(
  { moves }: Extract<BrokerFault, { readonly kind: 'move leaders' }>,
  { cluster, topics, say }: FaultTargets,
): Promise<void> {
  for (const { topic, where, to } of moves) {
    const { name, partitions } = topics[topic];
    const partition = Math.floor(where * partitions);
    say(`move leader of ${topic} ${partition} to broker ${to}`);
    try {
      await moveLeader(cluster, name, partition, to);
    } catch {
      say(`broker ${to} is not in sync and does not become the leader`);
    }
  }
}
