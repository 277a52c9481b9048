import { type NamePattern, namePattern, patternList } from './name-pattern.ts';
import type { Relation } from '../changes/relation.ts';

/**
 * What becomes of a table whose new shape its topic cannot take: the registry refuses the schema, or the key comes or
 * goes.
 * - `stop`: the source ends before the first row in that shape
 * - `pause-table`: rows of the table are left out until the shape is taken; then the table is read again
 * - `new-topic`: the rows go to the next version of the topic, which the whole table is copied to
 * - `dead-letter`: every row of that shape is set aside in `<topic prefix>.dlq`
 */
export type OnIncompatible = 'stop' | 'pause-table' | 'new-topic' | 'dead-letter';

export const INCOMPATIBLE_POLICIES = [
  'stop',
  'pause-table',
  'new-topic',
  'dead-letter',
] as const satisfies OnIncompatible[];

export const INCOMPATIBLE_SYNTAX = `${INCOMPATIBLE_POLICIES.join('|')}, or PATTERN=POLICY, comma-separated, PATTERN for schema.table`;

/** The first rule whose pattern matches a table counts; a null pattern matches all. */
export type IncompatibleRules = readonly {
  readonly pattern: NamePattern | null;
  readonly policy: OnIncompatible;
}[];

/** @throws SyntaxError that names the item which is no policy */
export function parseIncompatibleRules(text: string): IncompatibleRules {
  return patternList(text).map((item) => {
    const at = item.lastIndexOf('=');
    const named = item.slice(at + 1).trim();
    const policy = INCOMPATIBLE_POLICIES.find((candidate) => candidate === named);
    if (policy === undefined) throw new SyntaxError(`"${item}": ${INCOMPATIBLE_SYNTAX} is expected`);
    return { pattern: at < 0 ? null : namePattern(item.slice(0, at).trim()), policy };
  });
}

export function incompatiblePolicy(
  rules: IncompatibleRules,
  { schema, table }: Pick<Relation, 'schema' | 'table'>,
): OnIncompatible {
  const name = `${schema}.${table}`;
  const rule = rules.find(({ pattern }) => pattern === null || pattern.regex.test(name));
  return rule?.policy ?? 'stop';
}
