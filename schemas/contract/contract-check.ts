import {
  type Break,
  type CompatibilityLevel,
  type EarlierSchema,
  breaksOf,
  keyBreaksOf,
} from './compatibility-level.ts';
import type { Contract } from './contracts.ts';
import { unwrittenFields } from '../unwritten-fields.ts';
import type { EarlierSchemas } from './earlier-schemas.ts';
import { lineOf } from './json-lines.ts';

/** A break, and the line of the file that it is on. */
export interface LocatedBreak extends Break {
  readonly line: number;
}

/** What came out for one contract. */
export interface CheckedContract {
  readonly contract: Contract;
  readonly level: CompatibilityLevel;
  /** `new` when there is nothing to compare with. */
  readonly status: 'compatible' | 'incompatible' | 'new';
  /** Labels of the schemas before. */
  readonly against: readonly string[];
  readonly breaks: readonly LocatedBreak[];
  /** What of the source's rows is read and not written: fields that the newest schema before does not have. */
  readonly unwritten: readonly UnwrittenField[];
}

export interface UnwrittenField {
  readonly field: string;
  readonly line: number;
  /** Label of the newest schema. */
  readonly newest: string;
}

/** What is read of the source's rows must be readable whichever of its schemas wrote them; the rest is the source's. */
const READING_LEVEL: CompatibilityLevel = 'BACKWARD_TRANSITIVE';

/** Compares each contract with what was before, in turn. `level` is that of the contracts of our own. */
export async function checkContracts(
  all: readonly Contract[],
  earlier: EarlierSchemas,
  level: CompatibilityLevel,
): Promise<readonly CheckedContract[]> {
  const checked: CheckedContract[] = [];
  for (const contract of all) checked.push(await checkContract(contract, earlier, level));
  return checked;
}

async function checkContract(
  contract: Contract,
  earlier: EarlierSchemas,
  ownLevel: CompatibilityLevel,
): Promise<CheckedContract> {
  const before = await earlier(contract);
  const isOwn = contract.writer === 'pipeline';
  const level = isOwn ? ownLevel : READING_LEVEL;
  const { schema, part, lines } = contract;
  const breaksIn = isOwn && part === 'key' ? keyBreaksOf : breaksOf;
  const found = breaksIn(schema, before, level);
  const breaks = found.map((one) => ({ ...one, line: lineOf(lines, one.path) }));
  const compared = breaks.length === 0 ? 'compatible' : 'incompatible';
  const status = before.length === 0 ? 'new' : compared;
  const unwritten = isOwn || part === 'key' ? [] : unwrittenOf(contract, before.at(-1));
  return { contract, level, status, against: before.map(({ label }) => label), breaks, unwritten };
}

function unwrittenOf({ schema, lines }: Contract, newest: EarlierSchema | undefined): UnwrittenField[] {
  if (newest === undefined || typeof schema !== 'object' || !('fields' in schema)) return [];
  const { fields } = schema;
  return unwrittenFields(schema, newest.schema).map((field) => {
    const place = fields.findIndex(({ name }) => name === field);
    return { field, line: lineOf(lines, `/fields/${place}`), newest: newest.label };
  });
}

export const isCompatible = (checked: readonly CheckedContract[]): boolean =>
  checked.every(({ status }) => status !== 'incompatible');
