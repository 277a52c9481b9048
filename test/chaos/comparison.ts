import type { ForeignRecord } from '../support/foreign-record.ts';

/** How a copier names what it has copied: the key of the output record. */
export const originKey = (partition: number, offset: number): string => `${partition}/${offset}`;

export interface Comparison {
  /** Input records. */
  readonly records: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Output records that no input record explains, such as copies of aborted ones. */
  readonly alien: number;
  /** Copies whose value is another than that of the record they name. */
  readonly altered: number;
  /** Copies that come before a copy of an earlier record of the same input partition, in the same output partition. */
  readonly disordered: number;
  /** The first few of each kind, for a person. */
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 20;

type Read = Pick<ForeignRecord, 'partition' | 'offset' | 'key' | 'value'>;

/** Compares what went in with what came out, where each output record's key is `originKey` of its input record. */
export function compare(input: readonly Read[], output: readonly Read[]): Comparison {
  const values = new Map(input.map(({ partition, offset, value }) => [originKey(partition, offset), value]));
  const copies = new Map<string, number>();
  const latest = new Map<string, number>();
  const examples: string[] = [];
  const found = { lost: 0, duplicated: 0, alien: 0, altered: 0, disordered: 0 };
  const note = (kind: keyof typeof found, what: string): void => {
    found[kind]++;
    if (found[kind] <= EXAMPLES_MAX) examples.push(`${kind}: ${what}`);
  };
  for (const record of output.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)) {
    const key = record.key ?? '';
    const place = `input ${key} at output ${record.partition}/${record.offset}`;
    if (!values.has(key)) {
      note('alien', place);
      continue;
    }
    const seen = copies.get(key) ?? 0;
    copies.set(key, seen + 1);
    if (seen > 0) note('duplicated', place);
    if (values.get(key) !== record.value) note('altered', place);
    const [partition = '', offset = ''] = key.split('/');
    const way = `${partition}>${record.partition}`;
    if (Number(offset) < (latest.get(way) ?? -1)) note('disordered', place);
    latest.set(way, Number(offset));
  }
  for (const key of values.keys()) if (!copies.has(key)) note('lost', `input ${key}`);
  return { records: values.size, ...found, examples };
}

/**
 * Compares what a producer was told is written with what is there.
 * @param acknowledged values of records whose transaction was committed
 * @param aborted values of records whose transaction was aborted on purpose
 */
export function compareWritten(
  acknowledged: ReadonlySet<string>,
  aborted: ReadonlySet<string>,
  input: readonly Read[],
): Pick<Comparison, 'lost' | 'duplicated' | 'alien' | 'examples'> {
  const times = new Map<string, number>();
  for (const { value } of input) times.set(value ?? '', (times.get(value ?? '') ?? 0) + 1);
  const lost = [...acknowledged].filter((value) => !times.has(value));
  const duplicated = [...times].filter(([, count]) => count > 1).map(([value]) => value);
  const alien = [...aborted].filter((value) => times.has(value));
  const examples = [
    ...lost.slice(0, EXAMPLES_MAX).map((value) => `acknowledged, and lost: ${value}`),
    ...duplicated.slice(0, EXAMPLES_MAX).map((value) => `written twice: ${value}`),
    ...alien.slice(0, EXAMPLES_MAX).map((value) => `aborted, and there: ${value}`),
  ];
  return { lost: lost.length, duplicated: duplicated.length, alien: alien.length, examples };
}
