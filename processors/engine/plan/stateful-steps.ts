import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { feeders, resultNature } from './operator-nature.ts';
import type { Plan, PlanNode, PlanStore } from './plan.ts';
import type { Shape } from './shape-changes.ts';
import { storedShape } from './stored-shape.ts';

/** A step that keeps state between records, as far as the state depends on the plan. */
export interface StatefulStep {
  /** The user's name, or the topic's of a table. */
  readonly name: string;
  readonly operator: string;
  /** Properties that the state depends on, as JSON, by path: `window.sizeMs`. */
  readonly settings: Readonly<Record<string, string>>;
  /** Shapes by the stores' names. */
  readonly stores: Readonly<Record<string, Shape>>;
  /** Source topics and stateful steps that feed each input. */
  readonly origins: readonly (readonly string[])[];
  /**
   * Of a step that is fed by a table's changes: the steps on the way. It takes back what it has stored, by old values
   * that are computed anew, so they must be computed as they were. Null where events come in.
   */
  readonly lineage: readonly string[] | null;
  /** Names of the stateful steps that feed it, at whatever distance. */
  readonly after: ReadonlySet<string>;
  readonly isTable: boolean;
}

/** Either they are no settings, or the state is the same with any value of theirs, or it is in the stores' schemas. */
const NO_SETTING: ReadonlySet<string> = new Set([
  'id',
  'operator',
  'inputs',
  'stores',
  'topic',
  'key',
  'windowedKey',
  'nulls',
  'recordsMax',
  'everyMs',
  'isShared',
  'loadFirst',
]);

/** Schemas of what a step keeps, or sends, as bytes that its store's or topic's own schema does not tell. */
const SCHEMAS: ReadonlySet<string> = new Set(['foreignKey', 'value', 'left', 'right']);

/** The steps that have a changelog. Global tables are read anew at each start. */
export function statefulSteps(plan: Plan): readonly StatefulStep[] {
  return plan.nodes.filter((node) => isStateful(plan, node)).map((node) => stepOf(plan, node));
}

/** The properties of a node that decide what it does, flat. */
export function settingsOf(node: object): Readonly<Record<string, string>> {
  const own = Object.entries(node).filter(([key]) => !NO_SETTING.has(key));
  return Object.fromEntries(
    own.flatMap(([key, value]) =>
      SCHEMAS.has(key) ? [[key, storedShape(value as AvroSchema)]] : flat(key, value),
    ),
  );
}

function stepOf(plan: Plan, node: PlanNode): StatefulStep {
  const inputs = node.inputs.map((id) => nodeOf(plan, id));
  const isFedByChanges = inputs.some((input) => resultNature(plan, input).kind === 'updating');
  const stores = plan.stores.filter(({ name }) => node.stores.includes(name));
  return {
    name: nameOf(node),
    operator: node.operator,
    settings: settingsOf(node),
    stores: Object.fromEntries(stores.map((store) => [store.name, storeShape(store)])),
    origins:
      node.inputs.length === 0
        ? [[nameOf(node)]]
        : inputs.map((input) => [...new Set(originsOf(plan, input))].toSorted()),
    lineage: isFedByChanges ? inputs.map((input) => lineageOf(plan, input)) : null,
    after: new Set(inputs.flatMap((input) => statefulBefore(plan, input))),
    isTable: isFedByChanges || node.operator === 'table-source',
  };
}

function storeShape(store: PlanStore): Shape {
  const { name: _, key, value, changelog: __, ...rest } = store;
  return { ...settingsOf(rest), key: storedShape(key), value: storedShape(value) };
}

/** The source topics and the stateful steps next above a node. */
function originsOf(plan: Plan, node: PlanNode): string[] {
  if (isStateful(plan, node)) return [nameOf(node)];
  if ('topic' in node) return [node.topic.name];
  return feeders(plan, node).flatMap((feeder) => originsOf(plan, feeder));
}

function lineageOf(plan: Plan, node: PlanNode): string {
  if (isStateful(plan, node)) return nameOf(node);
  if ('topic' in node) return node.topic.name;
  const inputs = feeders(plan, node).map((feeder) => lineageOf(plan, feeder));
  if (node.operator === 'repartition-source' || node.operator === 'repartition-sink')
    return inputs.join(', ');
  const settings = Object.values(settingsOf(node)).join(' ');
  return `${node.operator}${settings === '' ? '' : ` ${settings}`}(${inputs.join(', ')})`;
}

function statefulBefore(plan: Plan, node: PlanNode): string[] {
  const own = isStateful(plan, node) ? [nameOf(node)] : [];
  return [...own, ...feeders(plan, node).flatMap((feeder) => statefulBefore(plan, feeder))];
}

function isStateful(plan: Plan, node: PlanNode): boolean {
  return plan.stores.some(({ name, changelog }) => changelog && node.stores.includes(name));
}

/** Numbered ids move when steps are added before them; the names of topics do not. */
function nameOf(node: PlanNode): string {
  return node.operator === 'table-source' ? node.topic.name : node.id;
}

function nodeOf(plan: Plan, id: string): PlanNode {
  const node = plan.nodes.find((other) => other.id === id);
  if (node === undefined) throw new TypeError(`a plan without its node ${id}`);
  return node;
}

function flat(path: string, value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flat(`${path}.${key}`, inner));
}
