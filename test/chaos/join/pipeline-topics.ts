import type { TopicPartition } from '../../../connectors/kafka/port.ts';
import { applicationNames } from '../../../processors/engine/runtime/application-names.ts';
import { type Topic, topicName } from '../../../schemas/topic.ts';
import { outputsOf } from './outputs.ts';
import { joinPipeline } from './pipeline.ts';
import { PARTITIONS, inputs } from './topics.ts';

export const PREFIX = 'chaos';

/** What a pipeline has to process, as partitions: its inputs, and what it moves through topics of its own. */
export function partitionsToProcess(pipeline: string): TopicPartition[] {
  const names = applicationNames(PREFIX, pipeline);
  const { repartitions } = joinPipeline(pipeline).plan;
  return [...inputNames(), ...repartitions.map(({ name }) => names.repartition(name))].flatMap(partitionsOf);
}

/** Every topic that a pipeline reads or writes, by its name in Kafka. */
export function topicsOf(pipeline: string): string[] {
  const names = applicationNames(PREFIX, pipeline);
  const { stores, repartitions } = joinPipeline(pipeline).plan;
  return [
    ...inputNames(),
    ...Object.values(outputsOf(pipeline)).map((topic) => topicName(PREFIX, topic as Topic<never, never>)),
    ...repartitions.map(({ name }) => names.repartition(name)),
    ...stores.map(({ name }) => names.changelog(name)),
  ];
}

const inputNames = (): string[] =>
  Object.values(inputs).map((topic) => topicName(PREFIX, topic as Topic<never, never>));

export const partitionsOf = (topic: string): TopicPartition[] =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
