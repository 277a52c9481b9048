import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runVector } from './run-vectors.ts';
import { loadVectors } from './vector.ts';

const folder = join(import.meta.dirname, 'vectors');

const vectors = loadVectors(folder).map((vector) => [vector.name, vector] as const);

describe('operators give the answers of Kafka Streams, or the recommended ones', () => {
  test.each(vectors)('%s', (_name, vector) => {
    expect(runVector(vector)).toEqual({ status: 'passed' });
  });

  test.each(vectors)('%s, with a crash after each step', (_name, vector) => {
    expect(runVector(vector, true)).toEqual({ status: 'passed' });
  });
});
