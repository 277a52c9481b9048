import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { loadKafkajs } from '../../../connectors/kafka/kafkajs-internals.ts';
import type { KafkajsRequestQueue } from '../../../connectors/kafka/kafkajs-internals.ts';

interface RequestQueue extends KafkajsRequestQueue {
  throttleCheckTimeoutId: unknown;
  scheduleCheckPendingRequests(): void;
}

const require = createRequire(import.meta.url);
const Queue = require('kafkajs/src/network/requestQueue') as new (options: object) => RequestQueue;

const logger = { debug: () => undefined, namespace: () => logger };

test('an idle connection arms no timer', () => {
  loadKafkajs();
  const queue = new Queue({
    maxInFlightRequests: null,
    requestTimeout: 1_000,
    clientId: 'test',
    broker: 'b',
    logger,
  });
  const timers = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBe(null);
  expect(process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length).toBe(timers);
});

test('a request that waits for a free place goes out when the one before is answered', async () => {
  loadKafkajs();
  const queue = new Queue({
    maxInFlightRequests: 1,
    requestTimeout: 1_000,
    clientId: 'test',
    broker: 'b',
    logger,
  });
  const sent: number[] = [];
  const answers = [1, 2].map(
    (correlationId) =>
      new Promise((resolve, reject) =>
        queue.push({
          entry: { apiKey: 3, apiName: 'Metadata', apiVersion: 6, correlationId, resolve, reject },
          expectResponse: true,
          requestTimeout: null,
          sendRequest: () => sent.push(correlationId),
        }),
      ),
  );
  expect(sent).toEqual([1]);
  fulfil(queue, 1);
  await answers[0];
  expect(sent).toEqual([1, 2]);
  fulfil(queue, 2);
  await answers[1];
});

function fulfil(queue: RequestQueue, correlationId: number): void {
  (queue as RequestQueue & { fulfillRequest(response: object): void }).fulfillRequest({
    correlationId,
    payload: Buffer.alloc(0),
    size: 0,
  });
}
