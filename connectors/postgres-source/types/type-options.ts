import { z } from 'zod';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { COLUMN_RULE_SYNTAX, SPECIAL_POLICIES, parseColumnRules } from './type-policy.ts';

/** How Postgres types become Avro types, where more than one answer is right. */
export const TYPE_OPTIONS = {
  specialValues: {
    schema: z.enum(SPECIAL_POLICIES).default('null'),
    help: 'infinity, NaN, 24:00:00 and nested arrays, which Avro types do not have: null with the header pg.special, string for the whole column, clamp to the nearest value, or error',
  },
  columnTypes: {
    schema: z
      .string()
      .default('')
      .transform((text, context) => {
        try {
          return parseColumnRules(text);
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          context.addIssue({ code: 'custom', message });
          return z.NEVER;
        }
      }),
    help: `${COLUMN_RULE_SYNTAX}, comma-separated: columns that are not written as usual`,
  },
} as const satisfies OptionSpecs;
