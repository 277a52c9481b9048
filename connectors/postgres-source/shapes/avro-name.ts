/** Avro names are `[A-Za-z_][A-Za-z0-9_]*`: other characters become `_`. */
export function avroName(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
}

/** One Avro name per column, in order; a name that is taken (by a column or in `reserved`) gets a number behind it. */
export function avroNames(columns: readonly string[], reserved: readonly string[]): string[] {
  const taken = new Set(reserved);
  // Names that are fine as they are keep themselves, wherever they stand.
  const exact = new Set(columns.filter((name) => avroName(name) === name && !taken.has(name)));
  return columns.map((column) => {
    if (exact.has(column)) return column;
    const base = avroName(column);
    let name = base;
    for (let n = 2; taken.has(name) || exact.has(name); n++) name = `${base}_${n}`;
    taken.add(name);
    return name;
  });
}
