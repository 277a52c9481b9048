import type { Client } from 'pg';
import { Failure } from '../../../infra/process/failure.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { Kafka } from '../../kafka/port.ts';
import { withMetaColumns } from '../meta-columns.ts';
import { withPresentTypes } from '../present-types.ts';
import { type BoundOptions } from '../table-binding.ts';
import { type TableName, type TargetTable, plainName, quotedName } from '../target-table.ts';
import { TopicReader } from '../topic-reader.ts';
import { type BoundObjects, boundObjects } from './bound-objects.ts';
import { type CarriedParts, readCarried } from './carried-parts.ts';
import { type LiveTable, findLiveTable } from './live-table.ts';
import { type TypeChange, typeChanges } from './new-table.ts';
import { siblingTable } from './rebuild-names.ts';
import { type StoredRebuild, readRebuild } from './rebuild-table.ts';

/** Kafka's own default of `delete.retention.ms`. */
const DELETE_RETENTION_MS = 86_400_000;

/** What a rebuild would do, and what it has found. Reading it changes nothing. */
export interface RebuildPlan {
  readonly live: LiveTable;
  readonly parts: CarriedParts;
  readonly bound: BoundObjects;
  /** The table as the topic's newest schemas describe it. */
  readonly wanted: TargetTable;
  readonly typeChanges: readonly TypeChange[];
  /** Columns of the old table that the newest schemas lack. */
  readonly unknownColumns: readonly string[];
  readonly stage: Stage;
  readonly stored: StoredRebuild | null;
  readonly partitions: number;
  /** The topic keeps the newest record of each key, however old. */
  readonly isComplete: boolean;
  readonly bytes: number;
  /** How long the topic keeps deletions, milliseconds. */
  readonly deleteRetentionMs: number;
}

export type Stage =
  | { readonly kind: 'new' }
  | { readonly kind: 'resume' }
  /** What an earlier run has filled cannot be used. */
  | { readonly kind: 'restart'; readonly reason: string };

/**
 * Whether what an earlier run has filled can be gone on with. A key's deletion is in the topic for `delete.retention.ms`
 * only: who has read the key before, and comes back later, would keep the row for ever.
 */
export function stageOf(
  stored: StoredRebuild | null,
  isThere: boolean,
  options: BoundOptions,
  deleteRetentionMs: number,
): Stage {
  if (stored === null || stored.newOid === null) return { kind: 'new' };
  if (!isThere) return { kind: 'restart', reason: 'the table that was being filled is gone' };
  if (!isSame(stored.options, options))
    return { kind: 'restart', reason: 'the sink keeps the table in another way now' };
  if (stored.behindForMs >= deleteRetentionMs)
    return {
      kind: 'restart',
      reason: `it was left for ${hours(stored.behindForMs)} h, and the topic keeps deletions for ${hours(deleteRetentionMs)} h`,
    };
  return { kind: 'resume' };
}

function isSame(a: BoundOptions, b: BoundOptions): boolean {
  return (
    a.deleteMode === b.deleteMode &&
    a.metaColumns === b.metaColumns &&
    a.onTruncate === b.onTruncate &&
    a.setsAside === b.setsAside
  );
}

const HOUR_MS = 3_600_000;
const hours = (ms: number): string => (ms / HOUR_MS).toFixed(1);

/** @throws Failure `rebuild.*` (stop) for what cannot be rebuilt at all */
export async function planRebuild(
  client: Client,
  kafka: Kafka,
  registry: SchemaRegistry,
  sink: string,
  table: TableName,
): Promise<RebuildPlan> {
  const live = await findLiveTable(client, sink, table);
  const parts = await readCarried(client, live);
  const wanted = await describedTable(client, registry, live);
  const config = await kafka.describeConfigs(live.topic);
  const deleteRetentionMs = Number(config.get('delete.retention.ms')?.value ?? DELETE_RETENTION_MS);
  const stored = await readRebuild(client, live);
  const isThere = await checkNames(client, live, stored);
  const described = new Set(
    wanted.columns.filter(({ isDropped }) => isDropped !== true).map(({ name }) => name),
  );
  const size = await client.query<{ bytes: string }>('SELECT pg_total_relation_size($1::oid) AS bytes', [
    live.oid,
  ]);
  return {
    live,
    parts,
    wanted,
    stored,
    bound: await boundObjects(client, live),
    typeChanges: typeChanges(parts, wanted),
    unknownColumns: parts.columns.map(({ name }) => name).filter((name) => !described.has(name)),
    stage: stageOf(stored, isThere, live.options, deleteRetentionMs),
    partitions: await kafka.partitionCount(live.topic),
    isComplete: config.get('cleanup.policy')?.value === 'compact',
    deleteRetentionMs,
    bytes: Number(size.rows[0]?.bytes ?? 0),
  };
}

async function describedTable(
  client: Client,
  registry: SchemaRegistry,
  live: LiveTable,
): Promise<TargetTable> {
  const reader = new TopicReader(live.topic, live.table, registry);
  await reader.loadNewest();
  if (reader.table !== null)
    return await withPresentTypes(client, withMetaColumns(reader.table, live.options));
  throw new Failure('rebuild.no_schema', 'stop', `the registry has no schema ${live.topic}-key`, {
    fix: 'correct --schema-registry-url',
  });
}

/**
 * The names that the rebuild uses must be free, or its own.
 * @returns whether the table that is being filled is there
 */
async function checkNames(client: Client, live: LiveTable, stored: StoredRebuild | null): Promise<boolean> {
  const oidOf = async (name: TableName): Promise<string | null> => {
    const { rows } = await client.query<{ oid: string | null }>('SELECT to_regclass($1)::oid::text AS oid', [
      quotedName(name),
    ]);
    return rows[0]?.oid ?? null;
  };
  const names = [
    [siblingTable(live.table, '__rebuild'), stored?.newOid ?? null],
    [siblingTable(live.table, '__old'), stored?.keptOid ?? null],
  ] as const;
  for (const [name, own] of names) {
    const found = await oidOf(name);
    if (found !== null && found !== own)
      throw new Failure(
        'rebuild.name_taken',
        'stop',
        `${plainName(name)} exists, and no rebuild of ${plainName(live.table)} has made it`,
        { fix: 'rename it, or drop it' },
      );
  }
  const own = stored?.newOid ?? null;
  return own !== null && (await oidOf(names[0][0])) === own;
}

/** @throws Failure `rebuild.bound_objects`, `rebuild.views_in_the_way`, `rebuild.topic_not_complete` (stop) */
export function verifyPlan(plan: RebuildPlan, acceptsRetention: boolean): void {
  const { live, bound } = plan;
  const name = plainName(live.table);
  if (bound.obstacles.length > 0)
    throw new Failure(
      'rebuild.bound_objects',
      'stop',
      `${name} cannot be replaced, since something holds on to the table itself: ${bound.obstacles.join('; ')}`,
      { fix: 'drop it, or take the table out of it, and make it anew after the rebuild' },
    );
  if (bound.views.length > 0 && plan.typeChanges.length > 0)
    throw new Failure(
      'rebuild.views_in_the_way',
      'stop',
      `${plan.typeChanges.map(({ column, from, to }) => `${column} becomes ${to} (was ${from})`).join(', ')}, and views ` +
        `of ${name} cannot follow a change of type: ${bound.views.map((view) => view.name).join(', ')}`,
      { fix: 'drop the views, and make them anew after the rebuild' },
    );
  if (!plan.isComplete && !acceptsRetention)
    throw new Failure(
      'rebuild.topic_not_complete',
      'stop',
      `topic ${live.topic} is not kept by compaction alone: rows whose records it has deleted would be missing in the new table`,
      { fix: 'set cleanup.policy=compact and have the rows written again, or accept it: --accept-retention' },
    );
}
