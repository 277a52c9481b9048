import { parseArgs } from 'node:util';
import { startStack } from '../../infra/local/start-stack.ts';
import { runVectorsThroughKafka } from './kafka-vectors.ts';
import { type VectorResult, runVector } from './run-vectors.ts';
import { type Vector, loadVectors } from './vector.ts';

const USAGE = `usage: npm run conformance -- FOLDER [--kafka]

Runs every vector of a folder through the public pipeline API in the test driver, and prints the first difference of
each that fails.
  --kafka   through the runtime instead, exactly-once over a real Kafka, which is started for it
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kafka: { type: 'boolean', default: false } },
});
const [folder] = positionals;
const vectors = folder === undefined ? [] : loadVectors(folder);
if (vectors.length === 0) {
  process.stderr.write(folder === undefined ? USAGE : `no vectors in ${folder}\n`);
  process.exitCode = 2;
} else {
  const results = values.kafka ? await throughKafka(vectors) : vectors.map((vector) => runVector(vector));
  process.exitCode = told(vectors, results);
}

async function throughKafka(all: readonly Vector[]): Promise<VectorResult[]> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  await using stack = await startStack({ provider: 'auto', onProgress: say });
  return await runVectorsThroughKafka(all, stack, say);
}

/** Prints what failed, and the counts last. */
function told(all: readonly Vector[], results: readonly VectorResult[]): number {
  let failed = 0;
  for (const [i, { name, operator }] of all.entries()) {
    const result = results[i];
    if (result?.status === 'passed') continue;
    failed++;
    const why = result?.status === 'failed' ? result.difference : `no operator "${operator.kind}"`;
    process.stdout.write(`FAILED ${name}\n  ${why}\n`);
  }
  process.stdout.write(`${all.length - failed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}
