import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { Plan } from './plan.ts';

/** The types of a key in order, without names: what decides its bytes. */
export function keyShape(schema: AvroSchema): string {
  if (typeof schema === 'string') return schema;
  if ('fields' in schema) return `{${schema.fields.map((field) => keyShape(field.type)).join(', ')}}`;
  return JSON.stringify(schema);
}

/** The key schema of what a node puts out. Only sources, repartitions and windows make keys; the others keep them. */
export function keySchemaOf(plan: Plan, nodeId: string): AvroSchema | null {
  const node = plan.nodes.find(({ id }) => id === nodeId);
  if (node === undefined) return null;
  if (node.operator === 'repartition-source')
    return plan.repartitions.find(({ name }) => name === node.repartition)?.key ?? null;
  if (node.operator === 'window-aggregate') return node.windowedKey;
  if (node.operator === 'select-key' || node.operator === 'table-group-by') return node.key;
  const [input] = node.inputs;
  if (input !== undefined) return keySchemaOf(plan, input);
  return 'topic' in node ? node.topic.key : null;
}
