import type { AvroSchema } from '../avro-schema.ts';
import { type SchemaNode, nodeText, schemaNode } from './schema-node.ts';

/** Lines that say what differs, field by field: `+` is new, `-` is gone, `~` is another. Empty when nothing does. */
export function schemaDiff(before: AvroSchema, now: AvroSchema): readonly string[] {
  const old = fieldTexts(before);
  const present = fieldTexts(now);
  const gone = [...old].filter(([name]) => !present.has(name)).map(([name, text]) => `- ${name}: ${text}`);
  const rest = [...present].flatMap(([name, text]) => {
    const was = old.get(name);
    if (was === undefined) return [`+ ${name}: ${text}`];
    return was === text ? [] : [`~ ${name}: ${was} -> ${text}`];
  });
  return [...rest, ...gone];
}

/** One line for each field of a schema, by the names that lead to it: its type and default. */
function fieldTexts(schema: AvroSchema): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const visit = (node: SchemaNode, at: string, outer: readonly SchemaNode[]): void => {
    if (outer.includes(node)) return;
    const within = [...outer, node];
    for (const inner of node.inner) visit(inner, node.type === 'union' ? at : `${at}[]`, within);
    for (const field of node.fields) {
      const name = at === '' ? field.name : `${at}.${field.name}`;
      const ending = field.default === undefined ? '' : ` = ${JSON.stringify(field.default)}`;
      texts.set(name, `${nodeText(field.node)}${ending}`);
      visit(field.node, name, within);
    }
  };
  const root = schemaNode(schema);
  texts.set('(all)', `${nodeText(root)}${root.symbols.length > 0 ? ` of ${root.symbols.join(', ')}` : ''}`);
  visit(root, '', []);
  return texts;
}
