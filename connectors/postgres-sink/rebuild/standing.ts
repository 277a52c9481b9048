/** How a partition of the topic stands in the old table and in the new one, offsets. */
export interface Standing {
  readonly partition: number;
  /** The first offset that the old table does not have; null where its sink has never read. */
  readonly live: number | null;
  /** The first offset that the new table does not have. */
  readonly own: number;
  /** The first that the topic still has. */
  readonly start: number;
  /** The end, records of open transactions included. */
  readonly end: number;
  /** The end of what can be read now. */
  readonly stable: number;
}

/** The old table has offsets that the topic never reached: it was created anew. What the table stood for says nothing then. */
export function isBegunAnew(standings: readonly Standing[]): boolean {
  return standings.some(({ live, end }) => live !== null && live > end);
}

/** How far the new table must be, so that nothing that the old one shows is missing. */
export function goalOf({ live, end, stable }: Standing): number {
  if (live === null) return 0;
  return live > end ? stable : live;
}

/** Offsets that are still to be read until the new table can take the old one's place. */
export function missing(standings: readonly Standing[]): number {
  return standings.reduce((sum, standing) => sum + Math.max(0, goalOf(standing) - standing.own), 0);
}

export interface Share {
  readonly done: number;
  readonly total: number;
}

/** Offsets read of those that the goal asks for. */
export function shareOf(standings: readonly Standing[]): Share {
  let done = 0;
  let total = 0;
  for (const standing of standings) {
    const goal = Math.max(goalOf(standing), standing.start);
    total += goal - standing.start;
    done += Math.min(Math.max(0, standing.own - standing.start), goal - standing.start);
  }
  return { done, total };
}
