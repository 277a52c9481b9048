/**
 * SQL that prints a column as `avro-text.ts` tells a value of the topic, by the column's type as `format_type()` names
 * it. Postgres and Avro differ in how they write floats and times; both can say the bits and the microseconds.
 */
export function textSql(column: string, type: string): string {
  switch (type) {
    case 'double precision':
      return `encode(float8send(${column}), 'hex')`;
    case 'bytea':
      return `encode(${column}, 'hex')`;
    case 'date':
      return `(${column} - date '1970-01-01')::text`;
    case 'timestamp with time zone':
    case 'timestamp without time zone':
      return `(extract(epoch FROM ${column}) * 1000000)::bigint::text`;
    case 'text[]':
      return `to_json(${column})::text`;
    default:
      return `${column}::text`;
  }
}
