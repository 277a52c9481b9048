import { Failure } from '../../../infra/process/failure.ts';
import type { AvroField, AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import { rowRecord } from '../../../schemas/debezium-event.ts';
import type { Relation } from '../changes/relation.ts';
import { type FilterOptions, policyOf } from './source-filter.ts';

/** What a value schema tells of columns and their policies. */
interface ProtectedField extends AvroField {
  /** The column's name where Avro does not allow it. */
  readonly 'pg.name'?: string;
  readonly 'pg.policy'?: string;
}

interface ProtectedRecord extends AvroRecord {
  readonly fields: readonly ProtectedField[];
  /** Columns that the table has and the schema does not. */
  readonly 'pg.excluded'?: readonly string[];
}

/** Columns of a table as its newest value schema has them. */
export interface KnownColumns {
  readonly all: readonly string[];
  /** Those whose values do not go out as they are. */
  readonly protected: readonly string[];
}

const nameOf = (field: ProtectedField): string => field['pg.name'] ?? field.name;

export function knownColumns(valueSchema: AvroSchema): KnownColumns {
  const { fields, 'pg.excluded': excluded = [] } = rowRecord(valueSchema) as ProtectedRecord;
  const masked = fields.filter((field) => field['pg.policy'] !== undefined).map(nameOf);
  return { all: [...fields.map(nameOf), ...excluded], protected: [...masked, ...excluded] };
}

/**
 * A renamed column looks like one that is gone and another that has come (S89). Where the first was protected and no
 * pattern covers the second, its values would go out in the clear.
 * @throws Failure `source.column_unprotected` (stop)
 */
export function refuseUnprotected(options: FilterOptions, known: KnownColumns, relation: Relation): void {
  const names = relation.columns.map(({ name }) => name);
  const gone = known.protected.filter((name) => !names.includes(name));
  const come = names.filter(
    (name) => !known.all.includes(name) && policyOf(options, relation, name) === null,
  );
  if (gone.length === 0 || come.length === 0) return;
  const table = `${relation.schema}.${relation.table}`;
  throw new Failure(
    'source.column_unprotected',
    'stop',
    `${table} has lost ${gone.join(', ')}, which a policy protects, and got ${come.join(', ')}, which none does: if a column was renamed, its values would go out in the clear`,
    {
      fix: `say with --column-policies what becomes of ${come.join(', ')} (keep lets the values out), beside what is said of ${gone.join(', ')}`,
    },
  );
}
