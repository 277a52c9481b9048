import { join } from 'node:path';
import type { Machine } from '../machine.ts';
import type { RunFolder } from '../run-folder.ts';
import { RoleProcess, type RoleSpec } from './role-process.ts';
import { SOURCE_TABLES } from './source-tables.ts';

/** Where a chain of roles reads and writes. */
export interface ChainPlace {
  readonly kafkaBrokers: string;
  readonly registryUrl: string;
  /** URL of the database that holds the source tables. */
  readonly sourceUrl: string;
  /** URL of the database that receives the target tables. */
  readonly targetUrl: string;
  readonly topicPrefix: string;
}

export type RoleName = 'source' | 'order-fulfilment' | 'customer-revenue' | 'sink';

export const ROLE_NAMES: readonly RoleName[] = ['source', 'order-fulfilment', 'customer-revenue', 'sink'];

/** The options of each role, as a container would get them. */
export function roleSpec(name: RoleName, place: ChainPlace): RoleSpec {
  const common = {
    MILLRACE_KAFKA_BOOTSTRAP_SERVERS: place.kafkaBrokers,
    MILLRACE_SCHEMA_REGISTRY_URL: place.registryUrl,
    MILLRACE_TOPIC_PREFIX: place.topicPrefix,
  };
  if (name === 'source')
    return {
      name,
      main: 'connectors/postgres-source/main.ts',
      env: {
        ...common,
        MILLRACE_DATABASE_URL: place.sourceUrl,
        MILLRACE_TABLES: SOURCE_TABLES.map((table) => `public.${table}`).join(','),
        MILLRACE_SLOT_NAME: slotName(place.topicPrefix),
        // The pipelines join in windows of event time: rows in the order of their keys would come too late for them.
        MILLRACE_SNAPSHOT_MODE: 'exported',
      },
    };
  if (name === 'sink')
    return {
      name,
      main: 'connectors/postgres-sink/main.ts',
      env: {
        ...common,
        MILLRACE_INSTANCE: '0',
        MILLRACE_DATABASE_URL: place.targetUrl,
        MILLRACE_TABLES: 'order_fulfilment=public.order_fulfilment,customer_revenue=public.customer_revenue',
      },
    };
  return {
    name,
    main: 'processors/main.ts',
    env: { ...common, MILLRACE_PIPELINE: name, MILLRACE_INSTANCE: '0' },
  };
}

/** Replication slots are named per server, not per database: the prefix keeps two chains apart. */
export function slotName(topicPrefix: string): string {
  return topicPrefix.replaceAll(/[^a-z0-9_]/g, '_');
}

/** All roles of the demo as processes; one can be killed and started again. Disposing drains them, downstream last. */
export class Chain implements AsyncDisposable {
  readonly #place: ChainPlace;
  readonly #run: RunFolder;
  readonly #machine: Machine;
  readonly #roles = new Map<RoleName, RoleProcess>();

  /** The roles' logs are in the run's folder, and its watchdog ends them when this process is gone. */
  constructor(place: ChainPlace, run: RunFolder, machine: Machine) {
    this.#place = place;
    this.#run = run;
    this.#machine = machine;
  }

  start(name: RoleName): RoleProcess {
    const spec = roleSpec(name, this.#place);
    // What the source and the processors keep goes when the run's folder goes.
    const env = { ...spec.env, MILLRACE_STATE_DIR: join(this.#run.path, 'state') };
    const role = new RoleProcess({ ...spec, env }, this.#run, this.#machine);
    this.#roles.set(name, role);
    return role;
  }

  startAll(): void {
    for (const name of ROLE_NAMES) this.start(name);
  }

  role(name: RoleName): RoleProcess {
    const role = this.#roles.get(name);
    if (role === undefined) throw new TypeError(`${name} was not started`);
    return role;
  }

  /** @throws Failure `role.exited` with the last log lines of the first role that is gone */
  assertRunning(): void {
    for (const role of this.#roles.values()) role.assertRunning();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#roles.values()].map((role) => role.stop()));
  }
}
