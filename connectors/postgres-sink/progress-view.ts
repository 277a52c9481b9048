/**
 * SQL of a boolean: whether the role may read `millrace.progress`. False where there is none. By the catalog, since
 * `to_regclass` is an error where the role may not use the schema.
 */
export const CAN_READ_PROGRESS = `EXISTS (
  SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'millrace' AND c.relname = 'progress'
    AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'))`;

/** SQL of a condition on rows of `millrace.progress`: that they are of the table whose quoted name `$1` is. */
export const IS_OF_TABLE = `view = (
  SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1))`;
