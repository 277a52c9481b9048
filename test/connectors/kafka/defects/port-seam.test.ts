import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../../../..');

const importers = (patterns: readonly string[]): string[] =>
  globSync(patterns, { cwd: ROOT })
    .filter((file) =>
      /\b(from|require|import)\b\s*\(?\s*['"]kafkajs(\/[^'"]*)?['"]/.test(
        readFileSync(join(ROOT, file), 'utf8'),
      ),
    )
    .toSorted();

test('another client can carry the port: one file of it knows kafkajs, and nothing above it does', () => {
  expect(importers(['connectors/**/*.ts', 'processors/**/*.ts', 'schemas/**/*.ts'])).toEqual([
    'connectors/kafka/kafkajs-internals.ts',
  ]);
});
