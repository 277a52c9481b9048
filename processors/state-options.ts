import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../infra/process/clock.ts';
import type { Log } from '../infra/process/log.ts';
import type { OptionSpecs, Options } from '../infra/process/options.ts';
import { count, requiredText } from '../infra/process/role-options.ts';
import { DiskHome } from './engine/state/disk-home.ts';
import { type StateHome, memoryHome } from './engine/state/task-state.ts';

/** As `state.cleanup.delay.ms` of Kafka Streams. */
const CLEANUP_DELAY_MS = 600_000;

/** Where a processor keeps the state of its tasks. */
export const STATE_OPTIONS = {
  state: {
    schema: z.enum(['disk', 'memory']).default('memory'),
    help: 'where the state of joins and aggregates is: memory (all of it is read again at each start) or disk (a restart reads only what is new)',
  },
  stateDir: {
    // Values of the database lie there: a directory of this user alone.
    schema: requiredText.default(() => join(tmpdir(), `millrace-${userInfo().uid}`)),
    help: 'directory of the state on disk, which must outlive the process to be of use',
  },
  numStandbyReplicas: {
    schema: z.coerce.number().int().nonnegative().default(0),
    help: 'how many other processes keep a copy of the state of each task, so that one of them can take the task over with little to read; the same for all processes',
  },
  stateCleanupDelayMs: {
    schema: count.default(CLEANUP_DELAY_MS),
    help: 'time for which the state of a task that has moved to another process is kept, should it come back, milliseconds',
  },
} as const satisfies OptionSpecs;

/** The home that the options ask for: on disk a directory for each application and instance. */
export function stateHome(
  { state, stateDir, stateCleanupDelayMs }: Options<typeof STATE_OPTIONS>,
  applicationId: string,
  instance: string,
  log: Log,
): StateHome {
  if (state === 'memory') return memoryHome();
  return new DiskHome({
    path: join(stateDir, applicationId, instance),
    cleanupDelayMs: stateCleanupDelayMs,
    clock: systemClock,
    log,
  });
}
