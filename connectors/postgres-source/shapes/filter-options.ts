import { z } from 'zod';
import { Failure } from '../../../infra/process/failure.ts';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { columnPolicy } from './column-policy.ts';
import { type NamePattern, namePattern, patternList } from './name-pattern.ts';
import type { FilterOptions, PolicyRule } from './source-filter.ts';

/** As long as what HMAC-SHA-256 makes of it: a shorter key is easier to guess than the hash (RFC 2104, 3). */
const HASH_KEY_BYTES_MIN = 32;

const patterns = z
  .string()
  .default('')
  .transform((list, context) => patternList(list).map((text) => compile(text, context) ?? z.NEVER));

const rules = z
  .string()
  .default('')
  .transform((list, context) => patternList(list).map((text) => ruleOf(text, context) ?? z.NEVER));

type Issues = Pick<z.core.$RefinementCtx, 'addIssue'>;

function compile(text: string, context: Issues): NamePattern | null {
  try {
    return namePattern(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

function ruleOf(text: string, context: Issues): PolicyRule | null {
  const at = text.lastIndexOf('=');
  const policy = columnPolicy(text.slice(at + 1).trim());
  if (at > 0 && policy !== null) {
    const pattern = compile(text.slice(0, at).trim(), context);
    return pattern === null ? null : { pattern, policy };
  }
  const message = `"${text}": PATTERN=POLICY is expected, POLICY one of exclude, mask, hash, truncate:N, keep`;
  context.addIssue({ code: 'custom', message });
  return null;
}

/** What of the publication goes to Kafka. The lists are named as Debezium's. */
export const FILTER_OPTIONS = {
  tableIncludeList: {
    schema: patterns,
    help: 'regular expressions for schema.table, comma-separated: no other published table is read',
  },
  tableExcludeList: {
    schema: patterns,
    help: 'regular expressions for schema.table, comma-separated: these published tables are not read',
  },
  columnIncludeList: {
    schema: patterns,
    help: 'regular expressions for schema.table.column, comma-separated: no other column of any table goes out',
  },
  columnExcludeList: {
    schema: patterns,
    help: 'regular expressions for schema.table.column, comma-separated: these columns do not go out',
  },
  columnPolicies: {
    schema: rules,
    help: 'PATTERN=exclude|mask|hash|truncate:N|keep, comma-separated, PATTERN for schema.table.column: what goes out in place of the values; the first match counts',
  },
  hashKey: {
    schema: z
      .string()
      .optional()
      // Compose files pass on variables that nobody has set as empty ones.
      .transform((key) => (key === '' ? undefined : key))
      .refine(
        (key) => key === undefined || Buffer.byteLength(key) >= HASH_KEY_BYTES_MIN,
        `at least ${HASH_KEY_BYTES_MIN} bytes are expected`,
      ),
    help: `key of the policy hash, at least ${HASH_KEY_BYTES_MIN} bytes; another key makes other hashes`,
    secret: true,
  },
  onBadRow: {
    schema: z.enum(['stop', 'dead-letter']).default('stop'),
    help: 'a row that cannot be encoded or is too large for its topic: stop, or dead-letter, which sets it aside in <topic prefix>.dlq',
  },
} as const satisfies OptionSpecs;

/** @throws Failure `config.invalid` (stop): options that exclude each other, or a hash without a key */
export function verifyFilters(options: FilterOptions): void {
  const problems: string[] = [];
  if (options.tableIncludeList.length > 0 && options.tableExcludeList.length > 0)
    problems.push('--table-include-list and --table-exclude-list exclude each other');
  if (options.columnIncludeList.length > 0 && options.columnExcludeList.length > 0)
    problems.push('--column-include-list and --column-exclude-list exclude each other');
  const hashes = options.columnPolicies.some(({ policy }) => policy.kind === 'hash');
  if (hashes && options.hashKey === undefined)
    problems.push('a column is hashed: --hash-key (MILLRACE_HASH_KEY or MILLRACE_HASH_KEY_FILE) is required');
  if (problems.length > 0) throw new Failure('config.invalid', 'stop', problems.join('\n  '));
}
