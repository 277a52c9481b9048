import { z } from 'zod';
import { systemClock } from '../infra/process/clock.ts';
import { createLog } from '../infra/process/log.ts';
import type { OptionSpec } from '../infra/process/options.ts';
import { requiredText } from '../infra/process/role-options.ts';
import type { Topology } from './engine/topology.ts';
import { lateLog } from './late-log.ts';
import { carts } from './pipelines/carts.ts';
import { customerRevenue } from './pipelines/customer-revenue.ts';
import { customerSessions } from './pipelines/customer-sessions.ts';
import { orderCustomer } from './pipelines/order-customer.ts';
import { orderFulfilment } from './pipelines/order-fulfilment.ts';
import { orderShipping } from './pipelines/order-shipping.ts';
import { ordersDenorm } from './pipelines/orders-denorm.ts';
import { revenuePerHour } from './pipelines/revenue-per-hour.ts';

const log = createLog('warn', 'processor');

/** Every pipeline that this package can run. A new one is added here. */
const PIPELINES: ReadonlyMap<string, Topology> = new Map(
  [
    orderFulfilment,
    orderShipping(lateLog(log, systemClock)),
    orderCustomer,
    ordersDenorm,
    customerRevenue,
    revenuePerHour,
    customerSessions,
    carts,
  ].map((pipeline) => [pipeline.name, pipeline]),
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
