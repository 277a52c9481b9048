/** What decides the meaning of stored bytes, by part: `key` and `value` are shapes of schemas as JSON, others settings. */
export type Shape = Readonly<Record<string, string>>;

interface RecordShape {
  readonly fields: readonly { readonly name: string; readonly type: unknown }[];
}

/** How two shapes differ, for a person. Empty where they are equal. */
export function shapeChanges(before: Shape, after: Shape): string[] {
  const parts = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return parts.flatMap((part) => {
    const [was, is] = [before[part], after[part]];
    if (was === is) return [];
    if (was === undefined || is === undefined)
      return [`${part} was ${was ?? 'unset'} and is ${is ?? 'unset'}`];
    return [`${part} ${schemaChange(JSON.parse(was), JSON.parse(is))}`];
  });
}

function schemaChange(before: unknown, after: unknown): string {
  if (!isRecord(before) || !isRecord(after))
    return `was ${JSON.stringify(before)} and is ${JSON.stringify(after)}`;
  const was = new Map(before.fields.map(({ name, type }) => [name, JSON.stringify(type)]));
  const is = new Map(after.fields.map(({ name, type }) => [name, JSON.stringify(type)]));
  const changes = [
    ...[...is.keys()].filter((name) => !was.has(name)).map((name) => `has a new field ${name}`),
    ...[...was.keys()].filter((name) => !is.has(name)).map((name) => `has lost the field ${name}`),
    ...[...is].flatMap(([name, type]) => {
      const old = was.get(name);
      return old === undefined || old === type ? [] : [`field ${name} was ${old} and is ${type}`];
    }),
  ];
  return changes.length === 0 ? 'has its fields in another order' : changes.join(', ');
}

function isRecord(shape: unknown): shape is RecordShape {
  return typeof shape === 'object' && shape !== null && 'fields' in shape;
}
