import { Failure } from '../../../infra/process/failure.ts';
import type { Relation } from '../changes/relation.ts';

/**
 * What becomes of an out-of-line (TOAST) value that an update has not touched, which Postgres does not send again:
 * - `fill`: it is taken from what was published before, so that every record is complete
 * - `full`: Postgres has to send it, which takes REPLICA IDENTITY FULL; a table without it is refused
 * - `mark`: the field is null, and `__unchanged` names it
 */
export type ToastPolicy = 'fill' | 'full' | 'mark';

export const TOAST_POLICIES = ['fill', 'full', 'mark'] as const satisfies ToastPolicy[];
export const TOAST_TABLE_SYNTAX = `schema.table=${TOAST_POLICIES.join('|')}`;

export interface ToastPolicies {
  /** For every table that says nothing else. */
  readonly toast: ToastPolicy;
  /** By `schema.table`. */
  readonly toastTables: ReadonlyMap<string, ToastPolicy>;
}

type TableName = Pick<Relation, 'schema' | 'table'>;

export function toastPolicyOf(options: ToastPolicies, { schema, table }: TableName): ToastPolicy {
  return options.toastTables.get(`${schema}.${table}`) ?? options.toast;
}

/**
 * Reads `schema.table=policy`, comma-separated.
 * @throws SyntaxError that names the item which is none
 */
export function parseToastTables(text: string): Map<string, ToastPolicy> {
  const tables = new Map<string, ToastPolicy>();
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    const equals = item.lastIndexOf('=');
    const table = item.slice(0, Math.max(0, equals)).trim();
    const policy = TOAST_POLICIES.find((known) => known === item.slice(equals + 1).trim());
    if (policy === undefined || !/^[^.]+\..+$/.test(table))
      throw new SyntaxError(`"${item}": ${TOAST_TABLE_SYNTAX} is expected`);
    tables.set(table, policy);
  }
  return tables;
}

/** @throws Failure `source.toast_unmatched` (stop) that lists the names which are no table of the publication */
export function refuseUnmatchedToast(options: ToastPolicies, published: readonly TableName[]): void {
  const names = new Set(published.map(({ schema, table }) => `${schema}.${table}`));
  const unmatched = [...options.toastTables.keys()].filter((name) => !names.has(name));
  if (unmatched.length === 0) return;
  throw new Failure(
    'source.toast_unmatched',
    'stop',
    `--toast-tables names what is not among ${names.size} published tables: ${unmatched.join(', ')}`,
    { fix: 'correct the name, or add the table to the publication' },
  );
}

/**
 * `full` is a promise about the table, and one that ALTER TABLE can break at any time.
 * @param columns names of columns whose values may be out of line
 * @throws Failure `source.toast_identity` (stop)
 */
export function refuseUnsentToast(relation: Relation, columns: readonly string[]): void {
  if (relation.identity === 'f' || columns.length === 0) return;
  const name = `${relation.schema}.${relation.table}`;
  throw new Failure(
    'source.toast_identity',
    'stop',
    `${name} is to be published with toast=full, but without REPLICA IDENTITY FULL Postgres does not send unchanged out-of-line values of ${columns.join(', ')}`,
    {
      fix: `ALTER TABLE ${name} REPLICA IDENTITY FULL, which takes more WAL; or let the source fill them: --toast-tables ${name}=fill`,
    },
  );
}
