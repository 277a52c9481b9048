import { DECIMAL_PRECISION_MAX, type DecimalSize } from './numeric-codec.ts';

/**
 * What becomes of a value that its Avro type does not have: infinity in a date, NaN in a numeric, 24:00:00, an array
 * of two dimensions in a column of arrays.
 * - `null`: the field is null, and the record header `pg.special` has the text
 * - `string`: a column whose type has such values is an Avro string, every value of it its text
 * - `clamp`: the nearest value that readers hold (0001-01-01 to 9999-12-31, 23:59:59.999999, the largest decimal, an
 *   array from 1 on); NaN and arrays of more dimensions have none, and are null with the header
 * - `error`: the row is refused
 */
export type SpecialPolicy = 'null' | 'string' | 'clamp' | 'error';

export const SPECIAL_POLICIES = ['null', 'string', 'clamp', 'error'] as const satisfies SpecialPolicy[];
export const COLUMN_RULE_SYNTAX = `schema.table.column=${SPECIAL_POLICIES.join('|')}|record|double|timestamp-micros|decimal(precision,scale)`;

/** Another Avro type than the usual one. `record` is for composites, `timestamp-micros` for timestamp, the rest for numeric. */
export type Representation =
  | { readonly kind: 'record' | 'double' | 'timestamp-micros' }
  | ({ readonly kind: 'decimal' } & DecimalSize);

export interface ColumnRule {
  readonly special: SpecialPolicy;
  readonly as: Representation | null;
}

export interface TypePolicy {
  /** For every column that says nothing else. */
  readonly specialValues: SpecialPolicy;
  /** By `schema.table.column`. */
  readonly columnTypes: ReadonlyMap<string, Partial<ColumnRule>>;
}

export const DEFAULT_RULE: ColumnRule = { special: 'null', as: null };
export const DEFAULT_TYPE_POLICY: TypePolicy = {
  specialValues: DEFAULT_RULE.special,
  columnTypes: new Map(),
};

export function columnRule(policy: TypePolicy, schema: string, table: string, column: string): ColumnRule {
  const own = policy.columnTypes.get(`${schema}.${table}.${column}`);
  return { ...DEFAULT_RULE, special: policy.specialValues, ...own };
}

/**
 * Reads `schema.table.column=rule`, comma-separated. A rule is a special-value policy, `record`, `double`,
 * `timestamp-micros` or `decimal(precision,scale)`; a column may have one of each sort.
 * @throws SyntaxError that names the item which is none of these
 */
export function parseColumnRules(text: string): Map<string, Partial<ColumnRule>> {
  const columns = new Map<string, Partial<ColumnRule>>();
  // The comma within decimal(38,6) is no separator.
  for (const item of text.split(/,(?![^(]*\))/).map((part) => part.trim())) {
    if (item === '') continue;
    const equals = item.lastIndexOf('=');
    const column = item.slice(0, Math.max(0, equals)).trim();
    const rule = parseRule(item.slice(equals + 1).trim());
    if (rule === null || !/^[^.]+\.[^.]+\..+$/.test(column))
      throw new SyntaxError(`"${item}": ${COLUMN_RULE_SYNTAX} is expected`);
    columns.set(column, { ...columns.get(column), ...rule });
  }
  return columns;
}

function parseRule(text: string): Partial<ColumnRule> | null {
  const special = SPECIAL_POLICIES.find((policy) => policy === text);
  if (special !== undefined) return { special };
  if (text === 'record' || text === 'double' || text === 'timestamp-micros') return { as: { kind: text } };
  const [, precision, scale] = /^decimal\((\d+), *(\d+)\)$/.exec(text)?.map(Number) ?? [];
  if (precision === undefined || scale === undefined) return null;
  if (precision < 1 || precision > DECIMAL_PRECISION_MAX || scale > precision) return null;
  return { as: { kind: 'decimal', precision, scale } };
}

/** Columns that rules name and no shape has, as `schema.table.column`. */
export function unmatchedRules(
  { columnTypes }: TypePolicy,
  shapes: readonly {
    readonly schema: string;
    readonly table: string;
    readonly columns: readonly { readonly name: string }[];
  }[],
): string[] {
  const names = new Set(
    shapes.flatMap(({ schema, table, columns }) => columns.map(({ name }) => `${schema}.${table}.${name}`)),
  );
  return [...columnTypes.keys()].filter((column) => !names.has(column));
}
