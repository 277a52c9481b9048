import type { AclGrant } from '../connectors/kafka/acl-text.ts';
import { progressTopicName } from '../schemas/change-event.ts';
import { resultProgressTopicName } from '../schemas/progress.ts';
import { resultTopics, sourceTopics } from './engine/plan/planned-topics.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import type { Topology } from './engine/topology.ts';

/** What is needed to make a topic, see that it is as it should be, and write to it. */
const MAKE = ['Create', 'Describe', 'DescribeConfigs', 'Write'] as const;

/** The source makes a topic for each table, and reads back where it was. */
export function sourceAcls(prefix: string, slotName: string): readonly AclGrant[] {
  return [
    {
      resource: 'topic',
      name: `${prefix}.`,
      isPrefix: true,
      operations: [...MAKE, 'Read'],
      why: 'topics of tables, the position and the progress',
    },
    {
      resource: 'transactional-id',
      name: `${prefix}-source-${slotName}`,
      operations: ['Write'],
      why: 'transactions',
    },
  ];
}

/** What a pipeline does with which topics is in its plan. */
export function processorAcls(prefix: string, { name, plan }: Topology): readonly AclGrant[] {
  const names = applicationNames(prefix, name);
  const own = `${names.applicationId}-`;
  return [
    ...[...sourceTopics(plan, names), progressTopicName(prefix)].map((topic): AclGrant => ({
      resource: 'topic',
      name: topic,
      operations: ['Read'],
      why: 'read',
    })),
    ...[...resultTopics(plan, names).keys()].map((topic): AclGrant => ({
      resource: 'topic',
      name: topic,
      operations: MAKE,
      why: 'results',
    })),
    {
      resource: 'topic',
      name: names.resultProgress,
      operations: [...MAKE, 'Read'],
      why: 'what the results stand for, of all pipelines',
    },
    {
      resource: 'topic',
      name: own,
      isPrefix: true,
      operations: plan.repartitions.length === 0 ? [...MAKE, 'Read'] : [...MAKE, 'Read', 'Delete'],
      why: "the pipeline's own topics: changelogs, repartitions (what is processed is deleted), dead letters",
    },
    { resource: 'group', name: names.applicationId, operations: ['Read'], why: 'the group of its processes' },
    {
      resource: 'transactional-id',
      name: own,
      isPrefix: true,
      operations: ['Write'],
      why: 'transactions, by instance',
    },
  ];
}

/** @param topics those that fill tables, without the prefix */
export function sinkAcls(prefix: string, sinkName: string, topics: readonly string[]): readonly AclGrant[] {
  return [
    ...topics.map((topic): AclGrant => ({
      resource: 'topic',
      name: `${prefix}.${topic}`,
      operations: ['Read'],
      why: 'fills a table',
    })),
    ...[progressTopicName(prefix), resultProgressTopicName(prefix)].map((topic): AclGrant => ({
      resource: 'topic',
      name: topic,
      operations: ['Read'],
      why: 'what the tables stand for; without it the sink works, and claims nothing',
    })),
    {
      resource: 'group',
      name: `${prefix}-${sinkName}`,
      operations: ['Read'],
      why: 'the group of its instances',
    },
  ];
}
