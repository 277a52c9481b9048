import { isDeepStrictEqual } from 'node:util';
import type {
  Assignment,
  AssignmentTerm,
  GroupListener,
  GroupMetadata,
} from '../../../connectors/kafka/port.ts';
import type { Application } from './application.ts';
import { existingPartitions } from './existing-partitions.ts';
import { writePlan } from './plan-topic.ts';

/**
 * Has the plan written before the first task runs, and not earlier than the group has let this process in: a process
 * that is refused, since others still work by the plan before, must leave that one in place.
 */
export class PlanKeeper implements GroupListener {
  readonly #listener: GroupListener;
  readonly #write: () => Promise<void>;
  #written = false;

  constructor(listener: GroupListener, write: () => Promise<void>) {
    this.#listener = listener;
    this.#write = write;
  }

  async onAssigned(assignment: Assignment, group: GroupMetadata, term: AssignmentTerm): Promise<void> {
    if (!this.#written) await this.#write();
    this.#written = true;
    await this.#listener.onAssigned(assignment, group, term);
  }

  onRevoked(assignment: Assignment): Promise<void> {
    return this.#listener.onRevoked(assignment);
  }

  onLost(assignment: Assignment): Promise<void> {
    return this.#listener.onLost(assignment);
  }
}

/** Writes the plan where it is another one. An application that never had state has no topic for it. */
export async function keepPlan({ kafka, clock, names, setup }: Application): Promise<void> {
  const { record, before } = setup;
  if (before !== null && isDeepStrictEqual(before, record)) return;
  if ((await existingPartitions(kafka, names.plan)) === null) return;
  await writePlan(kafka, names.plan, record, clock.now());
}
