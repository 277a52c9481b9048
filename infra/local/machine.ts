import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../process/clock.ts';
import type { Clock } from '../process/clock.ts';

/** What the local stack needs to know of the machine it runs on. */
export interface Machine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Effective user id; 0 is root, null where the platform has none. */
  readonly uid: number | null;
  /** Runs keep their data here; removed when they stop. */
  readonly tmpFolder: string;
  /** Downloads and what is derived from them; kept. */
  readonly cacheFolder: string;
  /** Where the npm packages are. */
  readonly modulesFolder: string;
  readonly clock: Clock;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The machine at hand. */
export function thisMachine(): Machine {
  return {
    env: process.env,
    platform: process.platform,
    arch: process.arch,
    uid: process.geteuid?.() ?? null,
    tmpFolder: tmpdir(),
    cacheFolder: join(ROOT, '.cache'),
    modulesFolder: join(ROOT, 'node_modules'),
    clock: systemClock,
  };
}
