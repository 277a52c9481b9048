import type { Checkpoint } from '../state/task-state.ts';

/**
 * How long Kafka keeps a tombstone at least before compaction may take it away, milliseconds: `delete.retention.ms`, which
 * changelogs leave at its default. What was deleted before that could be missed by a restore of the tail alone.
 */
const TOMBSTONES_KEPT_MS = 24 * 60 * 60 * 1000;

/** What there is of a changelog partition: offsets from `earliest` to before `end`. */
export interface ChangelogRange {
  readonly store: string;
  readonly topic: string;
  readonly earliest: number;
  readonly end: number;
}

/**
 * Why stores that stand at a checkpoint cannot be brought up to date by the tails of their changelogs, or null when they
 * can. `committed` are the group's offsets by topic.
 */
export function whyUnusable(
  checkpoint: Checkpoint,
  changelogs: readonly ChangelogRange[],
  committed: Readonly<Record<string, number | null>>,
  now: number,
): string | null {
  for (const [topic, offset] of Object.entries(checkpoint.inputs)) {
    const own = committed[topic] ?? null;
    if (own === null || offset > own)
      return `it has processed ${topic} up to ${offset}, where the group has committed ${own ?? 'nothing'}`;
  }
  for (const { store, topic, earliest, end } of changelogs) {
    const offset = checkpoint.changelogs[store];
    if (offset === undefined) return `it has no offset of ${topic}`;
    if (offset > end) return `it is at offset ${offset} of ${topic}, which ends at ${end}`;
    if (offset < earliest) return `it is at offset ${offset} of ${topic}, which begins at ${earliest}`;
    if (offset < end && now - checkpoint.time > TOMBSTONES_KEPT_MS)
      return `it is of ${new Date(checkpoint.time).toISOString()}: deletions since then may have left ${topic}`;
  }
  return null;
}
