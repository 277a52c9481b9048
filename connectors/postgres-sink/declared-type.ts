/** A Postgres type as a source names it (`pg.type`), safe to stand in SQL. */
export interface DeclaredType {
  /** As `format_type` prints it, length and precision included. */
  readonly sql: string;
  /** The element of an array, or the type itself; without length and precision. */
  readonly element: string;
  /** What stands in the parentheses, or null. */
  readonly modifier: string | null;
  readonly isArray: boolean;
  /** In pg_catalog of every server; any other type may be missing in the target. */
  readonly isBuiltIn: boolean;
}

const BUILT_IN = new RegExp(
  '^(boolean|smallint|integer|bigint|oid|xid|real|double precision|numeric|money|text|character varying|character|bpchar' +
    '|name|"char"|uuid|bytea|jsonb?|jsonpath|xml|date|interval|time with(out)? time zone|timestamp with(out)? time zone' +
    '|bit|"bit"|bit varying|inet|cidr|macaddr8?|point|line|lseg|box|path|polygon|circle|tsvector|tsquery|pg_lsn|xid8|cid' +
    '|tid|txid_snapshot|pg_snapshot|int2vector|oidvector|(int4|int8|num|date|ts|tstz)(multi)?range)$',
);

const IDENTIFIER = '(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")+")';
/** A type of an extension or of somebody's own: `format_type` names its schema, since no search path hides it. */
const FOREIGN = new RegExp(`^${IDENTIFIER}\\.${IDENTIFIER}$`);

/** Name, length or precision, the words behind those, and brackets. */
const PARTS = /^(.*?)(?:\(([A-Za-z0-9, -]+)\))?( with(?:out)? time zone)?(\[\])?$/s;

/**
 * Null for what is no type name, and for types whose values mean nothing in another database: `regclass` and its like
 * name objects, `aclitem` roles.
 */
export function declaredType(text: string): DeclaredType | null {
  const [, name = '', modifier = null, zone = '', brackets] = PARTS.exec(text) ?? [];
  const whole = `${name}${zone}`;
  const element = /^interval [a-z ]+$/.test(whole) ? 'interval' : whole;
  const isBuiltIn = BUILT_IN.test(element);
  if (!isBuiltIn && !FOREIGN.test(element)) return null;
  return { sql: text, element, modifier, isArray: brackets !== undefined, isBuiltIn };
}

/**
 * The type that a text is cast to. Without length and precision, which a cast would enforce by cutting; the column
 * itself then refuses what does not fit. Only `bit` has no such form.
 */
export function castOf({ sql, element, isArray }: DeclaredType): string {
  if (element === 'bit') return sql;
  return `${element === 'character' ? 'bpchar' : element}${isArray ? '[]' : ''}`;
}

/** `pg_type.typdelim` of the element: a comma, but for box and for PostGIS. */
export function delimiterOf({ element }: DeclaredType): string {
  if (element === 'box') return ';';
  return /\.(geometry|geography)$/.test(element) ? ':' : ',';
}
