import { z } from 'zod';
import { Failure } from '../process/failure.ts';
import type { OptionSpec, Options } from '../process/options.ts';
import type { StackRequest } from './stack.ts';

/** How the command line and the environment (MILLRACE_INFRA, MILLRACE_EXTERNAL_*) ask for the local stack. */
export const stackOptions = {
  infra: {
    schema: z.enum(['auto', 'processes', 'containers', 'external']).default('auto'),
    help: 'where Postgres, Kafka and the registry come from: auto, processes, containers or external',
  },
  externalKafkaBrokers: {
    schema: z.string().optional(),
    help: 'host:port of Kafka that runs already, comma-separated',
  },
  externalRegistryUrl: {
    schema: z.url().optional(),
    help: 'Confluent-compatible base URL of a registry that runs already',
  },
  externalSourceUrl: {
    schema: z.string().optional(),
    help: "superuser's URL of the source Postgres that runs already",
    secret: true,
  },
  externalTargetUrl: {
    schema: z.string().optional(),
    help: "superuser's URL of the target Postgres that runs already",
    secret: true,
  },
} as const satisfies Record<string, OptionSpec>;

/** @throws Failure `config.invalid` when only some of the external URLs are given */
export function stackRequest(
  options: Options<typeof stackOptions>,
  onProgress: (line: string) => void,
): StackRequest {
  const { externalKafkaBrokers, externalRegistryUrl, externalSourceUrl, externalTargetUrl } = options;
  const urls = [externalKafkaBrokers, externalRegistryUrl, externalSourceUrl, externalTargetUrl];
  if (urls.every((url) => url === undefined)) return { provider: options.infra, onProgress };
  if (!externalKafkaBrokers || !externalRegistryUrl || !externalSourceUrl || !externalTargetUrl)
    throw new Failure('config.invalid', 'stop', 'only some of the external servers have a URL', {
      fix: 'give all four of --external-kafka-brokers, -registry-url, -source-url and -target-url, or none',
    });
  const external = {
    kafkaBrokers: externalKafkaBrokers,
    registryUrl: externalRegistryUrl,
    sourceUrl: externalSourceUrl,
    targetUrl: externalTargetUrl,
  };
  return { provider: options.infra, onProgress, external };
}
