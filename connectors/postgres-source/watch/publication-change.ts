import type { PublicationReading } from './publication-reading.ts';

/** What became of the publication's tables between two looks, by name. */
export interface PublicationChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Taken out and put back, or with another filter or list of columns: changes in between may be left out. */
  readonly replaced: readonly string[];
}

export function publicationChange(before: PublicationReading, now: PublicationReading): PublicationChange {
  const old = new Map(before.tables.map(({ name, membership }) => [name, membership]));
  const names = new Set(now.tables.map(({ name }) => name));
  return {
    added: [...names].filter((name) => !old.has(name)),
    removed: [...old.keys()].filter((name) => !names.has(name)),
    replaced: now.tables
      .filter(({ name, membership }) => old.has(name) && old.get(name) !== membership)
      .map(({ name }) => name),
  };
}
