import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { runVectorsThroughKafka } from './kafka-vectors.ts';
import { loadVectors } from './vector.ts';

/** The random ones say nothing about the runtime that these do not, and take three times as long. */
const vectors = loadVectors(join(import.meta.dirname, 'vectors')).filter(
  ({ name }) => !name.startsWith('fuzz'),
);

test('operators give the same answers through a real Kafka, exactly-once', async () => {
  const servers = { kafkaBrokers: inject('kafkaBrokers'), registryUrl: inject('registryUrl') };
  const results = await runVectorsThroughKafka(vectors, servers);
  const failed = results.flatMap((result, i) =>
    result.status === 'passed' ? [] : [`${vectors[i]?.name}: ${JSON.stringify(result)}`],
  );
  expect(failed).toEqual([]);
  expect(results.length).toBeGreaterThan(60);
}, 180_000);
