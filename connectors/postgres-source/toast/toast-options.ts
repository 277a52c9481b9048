import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { requiredText } from '../../../infra/process/role-options.ts';
import { TOAST_POLICIES, TOAST_TABLE_SYNTAX, parseToastTables } from './toast-policy.ts';

/** What becomes of large values that Postgres does not send again. */
export const TOAST_OPTIONS = {
  toast: {
    schema: z.enum(TOAST_POLICIES).default('fill'),
    help: 'unchanged out-of-line (TOAST) values: fill (from a local store of what was published), full (asks for REPLICA IDENTITY FULL), or mark (null, named in __unchanged)',
  },
  toastTables: {
    schema: z
      .string()
      .default('')
      .transform((text, context) => {
        try {
          return parseToastTables(text);
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          context.addIssue({ code: 'custom', message });
          return z.NEVER;
        }
      }),
    help: `${TOAST_TABLE_SYNTAX}, comma-separated: tables that are not treated as --toast says`,
  },
  stateDir: {
    // Values of the database lie there: a directory of this user alone.
    schema: requiredText.default(() => join(tmpdir(), `millrace-${userInfo().uid}`)),
    help: 'directory of the local store of large values; kept over restarts it saves reading the topics again',
  },
} as const satisfies OptionSpecs;
