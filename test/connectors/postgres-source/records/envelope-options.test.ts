import { expect, test } from 'vitest';
import {
  ENVELOPE_OPTIONS,
  verifyEnvelope,
} from '../../../../connectors/postgres-source/records/envelope-options.ts';
import { parseOptions } from '../../../../infra/process/options.ts';

function envelope(...flags: readonly string[]) {
  const parsed = parseOptions('source', ENVELOPE_OPTIONS, flags, {});
  if (parsed.kind !== 'run') throw new Error('options are expected');
  return parsed.options;
}

test('the defaults are rows with tombstones, truncates that are skipped, and no transactions', () => {
  expect(envelope()).toEqual({
    envelope: 'row',
    tombstonesOnDelete: true,
    onTruncate: 'skip',
    transactionMetadata: false,
    messageKeyColumns: [],
  });
  expect(() => verifyEnvelope(envelope())).not.toThrow();
});

test('S7 S107 what the row envelope cannot tell is refused, all of it at once', () => {
  const flags = ['--tombstones-on-delete', 'false', '--on-truncate', 'publish'];
  expect(() => verifyEnvelope(envelope(...flags))).toThrow(
    expect.objectContaining({
      code: 'config.invalid',
      message: expect.stringMatching(/--tombstones-on-delete false: .*\n.*--on-truncate publish: /),
    }),
  );
  expect(() => verifyEnvelope(envelope('--envelope', 'debezium', ...flags))).not.toThrow();
  expect(() => verifyEnvelope(envelope('--on-truncate', 'stop'))).not.toThrow();
});
