import { z } from 'zod';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { count } from '../../../infra/process/role-options.ts';

export interface FailoverOptions {
  /** The slot is kept on the standbys too (Postgres 17), where they have sync_replication_slots. */
  readonly slotFailover: boolean;
  /** A timeline that an operator vouches for; null for none. */
  readonly acceptTimeline: number | null;
}

export const FAILOVER_OPTIONS = {
  slotFailover: {
    schema: z.stringbool().default(false),
    help: 'the slot is synchronised to standbys that have sync_replication_slots (Postgres 17): the source goes on after a failover',
    isSwitch: true,
  },
  acceptTimeline: {
    schema: count.nullable().default(null),
    help: 'goes on after a failover on this timeline, though the server did not synchronise the slot itself; changes are lost if nothing else has',
  },
} as const satisfies OptionSpecs;
