/** A sink and the tables that it fills, in a schema of their own. */
export interface Mirror {
  /** Name of the sink, and of the schema. */
  readonly name: string;
  /** Its rows say the place in the source that they are from. */
  readonly metaColumns: boolean;
}

/**
 * Two sinks of the same topics. Without meta columns every record is written, so that one that comes twice or late is
 * seen; with them a reader can tell which rows are newer than the LSN it has waited for.
 */
export const MIRRORS: readonly Mirror[] = [
  { name: 'plain', metaColumns: false },
  { name: 'placed', metaColumns: true },
];
