import { hash } from 'node:crypto';

/** What a set of rows comes to, in whatever order they came. */
export interface Digest {
  readonly rows: number;
  /** Sum of the rows' hashes: a row that is missing, doubled or other than it should be changes it. */
  readonly sum: string;
}

export function digestOf(rows: Iterable<string>): Digest {
  let count = 0;
  let sum = 0n;
  for (const row of rows) {
    count++;
    sum += hash('sha1', row, 'buffer').readBigUInt64LE();
  }
  return { rows: count, sum: BigInt.asUintN(64, sum).toString(16) };
}
