import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { loadKafkajs } from '../../../../connectors/kafka/kafkajs-internals.ts';
import { stockKafkajs, stockModule } from './stock-kafkajs.ts';

const require = createRequire(import.meta.url);

const isClass = (value: unknown): value is { readonly prototype: object } =>
  typeof value === 'function' && typeof value.prototype === 'object';

/** Methods that are not in the file that exports their class. */
function foreignMethods(file: string, exported: unknown): string[] {
  if (!isClass(exported)) return [];
  const source = readFileSync(file, 'utf8');
  return Object.entries(Object.getOwnPropertyDescriptors(exported.prototype)).flatMap(([name, { value }]) =>
    typeof value === 'function' && name !== 'constructor' && !source.includes(String(value))
      ? [`${file}: ${name}`]
      : [],
  );
}

test('stock kafkajs is untouched by the patches of the port, whichever was loaded first', () => {
  loadKafkajs();
  const { modules } = stockKafkajs();
  expect(modules.size).toBeGreaterThan(100);
  expect([...modules].flatMap(([file, exported]) => foreignMethods(file, exported))).toEqual([]);
  const patched = require.resolve('kafkajs/src/network/requestQueue');
  expect(foreignMethods(patched, require(patched))).toEqual([`${patched}: scheduleCheckPendingRequests`]);
  expect(require(patched)).not.toBe(stockModule('network/requestQueue'));
});

test('stock kafkajs retries as it does for its users, not as in its own tests', () => {
  const createRetry = stockModule('retry') as (options?: object) => unknown;
  expect(String(createRetry)).toContain('RETRY_DEFAULT');
  expect(stockKafkajs().modules.has(require.resolve('kafkajs/src/retry/defaults.test.js'))).toBe(false);
});
