import { z } from 'zod';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import {
  INCOMPATIBLE_SYNTAX,
  type IncompatibleRules,
  parseIncompatibleRules,
} from './incompatible-policy.ts';
import type { OnRewrite } from '../watch/rewrite-watch.ts';

/** What happens when tables change their shape. */
export interface SchemaOptions {
  readonly onIncompatibleSchema: IncompatibleRules;
  /** Tell each new shape in `<topic prefix>.schema-changes`. */
  readonly schemaChangeTopic: boolean;
  readonly onRewrite: OnRewrite;
}

export const SCHEMA_OPTIONS = {
  onIncompatibleSchema: {
    schema: z
      .string()
      .default('stop')
      .transform((text, context) => {
        try {
          return parseIncompatibleRules(text);
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          context.addIssue({ code: 'custom', message });
          return z.NEVER;
        }
      }),
    help: `a table's new shape that its topic does not take: ${INCOMPATIBLE_SYNTAX}; the first match counts`,
  },
  schemaChangeTopic: {
    schema: z
      .enum(['true', 'false'])
      .default('false')
      .transform((text) => text === 'true'),
    help: 'true: each new shape of a table is told in <topic prefix>.schema-changes, before its first row',
  },
  onRewrite: {
    schema: z.enum(['warn', 'backfill']).default('warn'),
    help: 'DDL that changes values with no change in the WAL: warn, with the command that reads the table again, or backfill, which reads it',
  },
} as const satisfies OptionSpecs;
