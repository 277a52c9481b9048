import { Failure } from '../../../infra/process/failure.ts';
import type { PartitionPlan } from './partition-plan.ts';
import type { Plan } from './plan.ts';

const FORMAT = 1;

/** A plan as it is kept, to be compared with the one that comes after it. */
export interface PlanRecord {
  readonly format: typeof FORMAT;
  readonly plan: Plan;
  /** Numbers of partitions that were settled, by repartition name. */
  readonly repartitions: Readonly<Record<string, number>>;
}

export function planRecord(plan: Plan, { repartitions }: Pick<PartitionPlan, 'repartitions'>): PlanRecord {
  return { format: FORMAT, plan, repartitions: Object.fromEntries(repartitions) };
}

/** @throws Failure `plan.unreadable` (stop): no plan, or one of a later format. `where` names it in the message. */
export function parsePlanRecord(text: string, where: string): PlanRecord {
  const record = parsed(text);
  if (isPlanRecord(record)) return record;
  throw new Failure('plan.unreadable', 'stop', `${where} is no plan of format ${FORMAT}`, {
    fix: 'plans are written by `describe --format plan`; one of a later version needs that version',
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isPlanRecord(record: unknown): record is PlanRecord {
  if (typeof record !== 'object' || record === null) return false;
  const { format, plan, repartitions } = record as Partial<Record<keyof PlanRecord, unknown>>;
  if (format !== FORMAT || typeof repartitions !== 'object' || repartitions === null) return false;
  if (typeof plan !== 'object' || plan === null) return false;
  const parts = plan as Partial<Record<keyof Plan, unknown>>;
  return Array.isArray(parts.nodes) && Array.isArray(parts.stores) && Array.isArray(parts.repartitions);
}
