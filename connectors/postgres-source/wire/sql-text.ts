/** An identifier, quoted. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal; backslashes stand for themselves (`standard_conforming_strings`). */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function qualified(schema: string, table: string): string {
  return `${identifier(schema)}.${identifier(table)}`;
}
