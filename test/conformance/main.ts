import { runVector } from './run-vectors.ts';
import { loadVectors } from './vector.ts';

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write('usage: node test/conformance/main.ts FOLDER\n');
  process.exitCode = 2;
} else {
  process.exitCode = run(folder);
}

function run(from: string): number {
  const counts = { passed: 0, failed: 0, unsupported: 0 };
  for (const vector of loadVectors(from)) {
    const result = runVector(vector);
    counts[result.status]++;
    if (result.status === 'failed') process.stdout.write(`FAILED ${vector.name}\n  ${result.difference}\n`);
  }
  process.stdout.write(
    `${counts.passed} passed, ${counts.failed} failed, ${counts.unsupported} not yet supported\n`,
  );
  return counts.failed === 0 ? 0 : 1;
}
