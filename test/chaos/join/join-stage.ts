import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { applicationNames } from '../../../processors/engine/runtime/application-names.ts';
import { untilCopied, untilStable } from '../copy-progress.ts';
import { ProcessFleet } from '../process-fleet.ts';
import { flagsOf } from '../process-slot.ts';
import { SESSION_TIMEOUT_MS } from './join-faults.ts';
import type { JoinServers } from './join-servers.ts';
import { PREFIX, partitionsOf, partitionsToProcess, topicsOf } from './pipeline-topics.ts';

const PROGRAM = fileURLToPath(new URL('processor/main.ts', import.meta.url));
/**
 * Not sooner: a task that went on from where it should not would find its records gone, which ends its session before
 * it does any harm, and nothing would be seen of it.
 */
const PURGE_MS = 20_000;
/** On a machine that others use too. */
const CATCH_UP_MAX_MS = 240_000;
const STABLE_MAX_MS = 60_000;

/** What both runs have in common. */
export interface Stage {
  readonly servers: JoinServers;
  readonly kafka: Kafka;
  /** Of the processors' logs. */
  readonly folder: string;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Waits until a pipeline has processed everything, and ends it. @returns what did not come to its end */
export async function finish(
  fleet: ProcessFleet,
  watched: ReturnType<typeof watchedOf>,
): Promise<readonly string[]> {
  // What goes through internal topics: their ends are known only when those before them are through.
  const stages = new Set(watched.input.map(({ topic }) => topic)).size;
  let behind: string | null = null;
  for (let stage = 0; stage < stages && behind === null; stage++)
    behind = await untilCopied(watched, CATCH_UP_MAX_MS);
  await fleet.drain();
  const open = await untilStable(watched, STABLE_MAX_MS);
  return [behind, open, ...fleet.problems].filter((problem) => problem !== null);
}

/** The processes of a pipeline, none of which runs yet. */
export function fleetOf(
  pipeline: string,
  processors: number,
  { servers, folder, clock, say }: Stage,
): ProcessFleet {
  const args = (number: number): string[] =>
    flagsOf({
      pipeline,
      instance: `p${number}`,
      topicPrefix: PREFIX,
      kafkaBootstrapServers: servers.cluster.brokers,
      schemaRegistryUrl: servers.registryUrl,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      repartitionPurgeIntervalMs: PURGE_MS,
    });
  const logFile = (number: number): string => join(folder, `${pipeline}-${number}.log`);
  const name = `processor of ${pipeline}`;
  return new ProcessFleet({ name, size: processors, program: PROGRAM, args, logFile, clock, say });
}

/** What has to be processed, and where no transaction may stay open. */
export function watchedOf(pipeline: string, { clock, kafka }: Stage) {
  const { applicationId: groupId } = applicationNames(PREFIX, pipeline);
  const input = partitionsToProcess(pipeline);
  return { kafka, clock, groupId, input, output: topicsOf(pipeline).flatMap(partitionsOf) };
}
