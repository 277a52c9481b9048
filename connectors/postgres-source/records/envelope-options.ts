import { z } from 'zod';
import { Failure } from '../../../infra/process/failure.ts';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { MESSAGE_KEY_SYNTAX, type MessageKeyOptions, parseMessageKeys } from '../shapes/message-key.ts';

/** How changes are told, and what beside rows is told. */
export interface EnvelopeOptions extends MessageKeyOptions {
  /** `row`: the columns at the top of the value; `debezium`: before and after, as Debezium's consumers read them. */
  readonly envelope: 'row' | 'debezium';
  /** Of the debezium envelope: a deletion is followed by a tombstone. In the row envelope it is one. */
  readonly tombstonesOnDelete: boolean;
  readonly onTruncate: OnTruncate;
  /** BEGIN and END of each source transaction go to `<prefix>.transaction`. */
  readonly transactionMetadata: boolean;
}

/** `skip` warns and goes on, `publish` tells it with an event, `stop` ends the source before it. */
export type OnTruncate = 'skip' | 'publish' | 'stop';

const yesOrNo = (byDefault: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(byDefault)
    .transform((text) => text === 'true');

export const ENVELOPE_OPTIONS = {
  envelope: {
    schema: z.enum(['row', 'debezium']).default('row'),
    help: 'row: the columns at the top of the value, a deletion is a tombstone; debezium: before, after, source, op, as consumers of Debezium read them',
  },
  tombstonesOnDelete: {
    schema: yesOrNo('true'),
    help: 'debezium envelope: a deletion is followed by a tombstone, so that compaction drops its key; true or false',
  },
  onTruncate: {
    schema: z.enum(['skip', 'publish', 'stop']).default('skip'),
    help: 'TRUNCATE of a table: skip with a warning, publish an event of op t (debezium envelope, topics that are not compacted), or stop before it',
  },
  messageKeyColumns: {
    schema: z
      .string()
      .default('')
      .transform((text, context) => {
        try {
          return parseMessageKeys(text);
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          context.addIssue({ code: 'custom', message });
          return z.NEVER;
        }
      }),
    help: `${MESSAGE_KEY_SYNTAX}, separated by semicolons, PATTERN for schema.table: tables whose records have another key than the primary one`,
  },
  transactionMetadata: {
    schema: yesOrNo('false'),
    help: 'BEGIN and END of source transactions, with the number of events, go to <prefix>.transaction; true or false',
  },
} as const satisfies OptionSpecs;

/** @throws Failure `config.invalid` (stop): what the row envelope cannot tell */
export function verifyEnvelope(options: EnvelopeOptions): void {
  if (options.envelope === 'debezium') return;
  const problems: string[] = [];
  if (!options.tombstonesOnDelete)
    problems.push(
      '--tombstones-on-delete false: in the row envelope a deletion is a tombstone and nothing else',
    );
  if (options.onTruncate === 'publish')
    problems.push('--on-truncate publish: the row envelope tells of keys, and a TRUNCATE has none');
  if (problems.length === 0) return;
  throw new Failure('config.invalid', 'stop', problems.join('\n  '), {
    fix: 'leave the option out, or take --envelope debezium',
  });
}
