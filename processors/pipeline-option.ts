import { z } from 'zod';
import { requiredText } from '../infra/process/role-options.ts';
import type { OptionSpec } from '../infra/process/options.ts';
import type { Topology } from './engine/topology.ts';
import { customerRevenue } from './pipelines/customer-revenue.ts';
import { orderFulfilment } from './pipelines/order-fulfilment.ts';

/** Every pipeline that this package can run. A new one is added here. */
const PIPELINES: ReadonlyMap<string, Topology> = new Map(
  [orderFulfilment, customerRevenue].map((pipeline) => [pipeline.name, pipeline]),
);

const names = [...PIPELINES.keys()].join(', ');

export const PIPELINE_OPTION = {
  schema: requiredText.transform((name, context): Topology => {
    const pipeline = PIPELINES.get(name);
    if (pipeline !== undefined) return pipeline;
    context.addIssue({ code: 'custom', message: `no pipeline "${name}"; there are ${names}` });
    return z.NEVER;
  }),
  help: `the pipeline by name: ${names}`,
} as const satisfies OptionSpec;

/** A pipeline may stand first, without its flag: `describe order-fulfilment`. */
export function pipelineFirst(args: readonly string[]): readonly string[] {
  const [first, ...rest] = args;
  return first === undefined || first.startsWith('-') ? args : ['--pipeline', first, ...rest];
}
