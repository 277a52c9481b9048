/** A record as a tool that is not ours printed it. */
export interface ForeignRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  /** As the tool prints them: `a=1,b=2` by kcat, `a:1,b:2` by Java; empty where there are none. */
  readonly headers: string;
}
