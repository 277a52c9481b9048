import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { OnTruncate } from '../records/envelope-options.ts';
import type { TableSchema } from '../shapes/table-schema.ts';

/**
 * Whether an event tells that a table was truncated; says so where none does.
 * @throws Failure `source.truncated` (stop) under the policy `stop`
 */
export function isTruncateTold(policy: OnTruncate, { schema, table }: TableSchema, log: Log): boolean {
  const name = `${schema}.${table}`;
  if (policy === 'publish') return true;
  if (policy === 'skip') {
    log.warn({ table: name }, 'TRUNCATE is not published: the topic keeps the rows');
    return false;
  }
  throw new Failure(
    'source.truncated',
    'stop',
    `table ${name} was truncated; its topic still has the rows, and nothing behind the TRUNCATE was published`,
    {
      fix: `start with --on-truncate skip, and then bring the readers of the topic of ${name} in line, or with --envelope debezium and --on-truncate publish from the beginning`,
    },
  );
}
