import { afterAll, beforeAll } from 'vitest';
import type { KafkaCluster } from '../../infra/local/kafka-cluster.ts';
import { startKafkaCluster } from '../../infra/local/start-kafka-cluster.ts';
import { stackOptions } from '../../infra/local/stack-options.ts';
import { parseOptions } from '../../infra/process/options.ts';

/** In containers images may have to be pulled first. Milliseconds. */
const START_MAX_MS = 300_000;

/**
 * Three Kafka nodes of a test file's own, started before its tests and removed after them. To be called once, at the top
 * of a `*.cluster.kafka.test.ts`. MILLRACE_INFRA chooses between processes and containers.
 * @returns the cluster, from the first test on
 */
export function useKafkaCluster(): () => KafkaCluster {
  let cluster: KafkaCluster | undefined;
  beforeAll(async () => {
    const parsed = parseOptions('vitest', { infra: stackOptions.infra }, [], process.env);
    const wanted = parsed.kind === 'help' ? 'auto' : parsed.options.infra;
    const provider = wanted === 'external' ? 'auto' : wanted;
    cluster = await startKafkaCluster({
      provider,
      onProgress: (line) => process.stderr.write(`${line}\n`),
    });
  }, START_MAX_MS);
  afterAll(async () => cluster?.[Symbol.asyncDispose]());
  return () => {
    if (cluster === undefined) throw new Error('the cluster is there only while tests run');
    return cluster;
  };
}
