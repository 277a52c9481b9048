import { z } from 'zod';
import type { OptionSpecs } from '../../infra/process/options.ts';
import { count } from '../../infra/process/role-options.ts';

/** What every table of a sink is kept like. */
export interface TableOptions {
  /** `soft` keeps the row of a deletion and sets `__deleted`. */
  readonly deleteMode: 'hard' | 'soft';
  /** `__lsn`, `__seq` and `__commit_ts`: where in the source a row comes from. Late records change nothing then. */
  readonly metaColumns: boolean;
  /** What a TRUNCATE does that Debezium's envelope tells of. The row envelope tells of none. */
  readonly onTruncate: 'apply' | 'skip' | 'stop';
}

export const DEFAULT_TABLE_OPTIONS: TableOptions = {
  deleteMode: 'hard',
  metaColumns: false,
  onTruncate: 'apply',
};

/** How many records may be set aside, where they are. */
export const BAD_ROW_BOUNDS = {
  badRowsPerBatchMax: {
    schema: count.default(100),
    help: 'dead letters of one transaction above which the sink stops instead',
  },
  badRowsMax: {
    schema: count.default(1000),
    help: 'rows of this sink in millrace.dead_letters above which it stops; delete those that are dealt with',
  },
} as const satisfies OptionSpecs;

export const TABLE_OPTIONS = {
  deleteMode: {
    schema: z.enum(['hard', 'soft']).default(DEFAULT_TABLE_OPTIONS.deleteMode),
    help: 'hard: a deletion deletes the row; soft: it sets the column __deleted, which the sink adds, and keeps the row',
  },
  metaColumns: {
    schema: z
      .enum(['true', 'false'])
      .default('false')
      .transform((text) => text === 'true'),
    help: 'adds __lsn, __seq and __commit_ts, the place and time in the source that a row is from; records from before it then change nothing; true or false',
  },
  onTruncate: {
    schema: z.enum(['apply', 'skip', 'stop']).default(DEFAULT_TABLE_OPTIONS.onTruncate),
    help: 'a TRUNCATE that a topic in the debezium envelope tells of: apply (topics of one partition), skip with a warning, or stop before it',
  },
} as const satisfies OptionSpecs;
