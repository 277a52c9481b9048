import { expect, test } from 'vitest';
import { rethrow } from '../../../schemas/serde/schema-registry.ts';

const answer = (status: number, message = 'what the registry says'): Error =>
  Object.assign(new Error(message), { status });

test.each([
  ['a client that may not', answer(401), 'registry.denied', 'stop'],
  ['a right that is missing', answer(403), 'registry.denied', 'stop'],
  ['a schema that is gone', answer(404), 'registry.not_found', 'stop'],
  ['an incompatible schema', answer(409), 'registry.incompatible', 'stop'],
  ['a schema that is none', answer(422), 'registry.invalid', 'stop'],
  [
    'Apicurio in read-only mode',
    answer(409, 'Unsupported write operation. Storage is in read-only mode.'),
    'registry.read_only',
    'retry',
  ],
  [
    "a subject of Confluent's registry in read-only mode",
    answer(422, 'Subject orders-value is in read-only mode'),
    'registry.read_only',
    'retry',
  ],
  ['a registry with a fault of its own', answer(503), 'registry.unreachable', 'retry'],
  // The client gives what had no answer a status of its own.
  ['a registry that is away', answer(400), 'registry.unreachable', 'retry'],
] as const)('%s is told as what it is, with what to do', (_, error, code, order) => {
  expect(() => rethrow(error, 'registering a schema')).toThrow(
    expect.objectContaining({
      code,
      order,
      cause: error,
      message: expect.stringMatching(/^registering a schema: ./) as string,
      fix: expect.stringMatching(/.{20}/) as string,
    }),
  );
});
