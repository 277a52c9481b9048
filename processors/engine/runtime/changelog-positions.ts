import type { PartitionOffset, TaskPosition } from '../../../connectors/kafka/port.ts';
import type { PlanStore } from '../plan/plan.ts';
import type { SubTopology } from '../plan/sub-topology.ts';

/**
 * How far the stores of this process are in their changelogs: read there by a restore, or written there by a commit.
 * For the assignor, who gives a task to a member that has little to restore.
 */
export class ChangelogPositions {
  readonly #changelog: (store: string) => string;
  /** Next offset by topic and partition. Of topics that are no changelogs, and of tasks that have gone away, nobody asks. */
  readonly #offsets = new Map<string, number>();

  constructor(changelog: (store: string) => string) {
    this.#changelog = changelog;
  }

  /** To be told of committed writes and of finished restores. */
  moved(offsets: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of offsets) this.#offsets.set(`${topic} ${partition}`, offset);
  }

  /** Next offset of a task's changelogs, by the store's name. */
  changelogs(stores: readonly PlanStore[], partition: number): Record<string, number> {
    return Object.fromEntries(
      stores
        .filter((store) => store.changelog)
        .map(({ name }) => [name, this.#offsets.get(`${this.#changelog(name)} ${partition}`) ?? 0]),
    );
  }

  of(part: SubTopology, partition: number): TaskPosition {
    let position = 0;
    for (const { name } of part.stores)
      position += this.#offsets.get(`${this.#changelog(name)} ${partition}`) ?? 0;
    return { subTopology: part.id, partition, position };
  }
}
