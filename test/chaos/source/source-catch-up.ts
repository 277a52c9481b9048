import { z } from 'zod';
import { kcatBytes } from '../../support/kcat-bytes.ts';

const position = z.object({
  endLsn: z.string().transform(BigInt),
  snapshot: z.string(),
  copies: z.object({ copied: z.array(z.number()), open: z.array(z.object({ oid: z.number() })) }),
});

/** What the source has to have come to. */
export interface Goal {
  readonly lsn: bigint;
  /** Oids of all published tables. */
  readonly tables: readonly number[];
}

/** Reads the source's position as a foreign client sees it. @returns what is missing for the goal, null when nothing is */
export async function behindGoal(
  brokers: string,
  topic: string,
  { lsn, tables }: Goal,
): Promise<string | null> {
  let last: Buffer | null = null;
  for await (const { value } of kcatBytes(brokers, topic)) last = value;
  if (last === null) return 'the source has no position yet';
  const { endLsn, snapshot, copies } = position.parse(JSON.parse(String(last)));
  const uncopied = tables.filter((oid) => !copies.copied.includes(oid));
  const behind = [
    ...(snapshot === 'done' ? [] : [`the first copy is ${snapshot}`]),
    ...(endLsn >= lsn ? [] : [`${lsn - endLsn} bytes of WAL are behind the position`]),
    ...(copies.open.length === 0 ? [] : [`${copies.open.length} tables are being copied`]),
    ...(uncopied.length === 0 ? [] : [`${uncopied.length} tables are not copied`]),
  ];
  return behind.length === 0 ? null : behind.join(', ');
}
