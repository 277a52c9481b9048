import type { Kafka } from '../../../connectors/kafka/port.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { Whereabouts } from '../inspection/http-queries.ts';
import type { Plan } from '../plan/plan.ts';
import { type SubTopology, subTopologies } from '../plan/sub-topology.ts';
import type { ApplicationNames } from './application-names.ts';

/** Asks the group who has a task: its members are assigned partitions of the task's input topics. */
export function taskOwner(kafka: Kafka, plan: Plan, names: ApplicationNames, log: Log): Whereabouts {
  const topics = subTopologies(plan).map((part) => inputTopic(part, names));
  return async ({ subTopology, partition }) => {
    const topic = topics[subTopology];
    if (topic === undefined) return null;
    try {
      const [group] = await kafka.describeGroups([names.applicationId]);
      const owner = group?.members.find(({ assignment }) => assignment.get(topic)?.includes(partition));
      if (owner === undefined) return null;
      return { instance: owner.clientId.slice(names.transactionalId('').length), host: owner.host };
    } catch (error) {
      log.debug({ err: error }, `the group cannot be asked who has a task: ${describe(error)}`);
      return null;
    }
  };
}

function inputTopic({ nodes }: SubTopology, names: ApplicationNames): string | undefined {
  for (const node of nodes) {
    if (node.operator === 'repartition-source') return names.repartition(node.repartition);
    if (node.operator === 'stream-source' || node.operator === 'table-source')
      return names.catalogue(node.topic.name);
  }
  return undefined;
}
