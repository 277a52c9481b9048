import { Failure } from '../../../infra/process/failure.ts';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { keyShape } from './key-shape.ts';
import type { Plan, PlanNode, PlanRepartition, PlanStore, PlanTopic, SelectKeyNode } from './plan.ts';

/** A function of the user's. What it takes is known where it is called; the compiler has checked it in the builder. */
export type UserFunction = (...args: never[]) => unknown;

/** The functions of one node, by role: `joiner`, `predicate`, `add`. */
export type NodeFunctions = Readonly<Record<string, UserFunction | undefined>>;

/** A node as the fluent builder holds it: how values look in bytes is known only where a schema was given. */
export interface Handle {
  readonly id: string;
  readonly key: AvroSchema;
  readonly value: AvroSchema | null;
  /** Of keys with the bounds of a window: how long behind its end a window has closed, milliseconds. */
  readonly closeDelayMs?: number | undefined;
  /** Only of a versioned table. */
  readonly historyMs?: number | undefined;
  /** Only of a table's source. */
  readonly loadFirst?: boolean | undefined;
}

const NAME = /^[a-zA-Z0-9._-]+$/;
const NAME_CHARACTERS_MAX = 120;
const NUMBER_DIGITS = 10;

/** Collects the nodes of a topology while the user's function runs. */
export class PlanBuilder {
  readonly #pipeline: string;
  readonly #nodes: PlanNode[] = [];
  readonly #stores: PlanStore[] = [];
  readonly #repartitions: PlanRepartition[] = [];
  readonly #functions = new Map<string, NodeFunctions>();
  readonly #sources = new Map<string, Handle>();
  readonly #names = new Set<string>();

  constructor(pipeline: string) {
    checkName(pipeline, 'a topology');
    this.#pipeline = pipeline;
  }

  add(node: PlanNode, functions: NodeFunctions = {}): string {
    if (this.#functions.has(node.id)) throw this.#duplicate(node.id);
    this.#nodes.push(node);
    this.#functions.set(node.id, functions);
    return node.id;
  }

  addStore(store: PlanStore): string {
    if (this.#stores.some(({ name }) => name === store.name)) throw this.#duplicate(store.name);
    this.#stores.push(store);
    return store.name;
  }

  /** New keys, an internal topic, and the source that reads it in the next sub-topology. */
  repartition(
    input: Handle,
    step: Omit<PlanRepartition, 'value'> & Pick<SelectKeyNode, 'operator' | 'stores'>,
    selector: UserFunction,
  ): Handle {
    const { operator, stores, ...repartition } = step;
    const { key } = step;
    const name = this.named(step.name);
    const value = this.schemaOf(input, name);
    const selected = this.add({ id: `${name}-key`, operator, inputs: [input.id], stores, key }, { selector });
    return { id: this.through(selected, { ...repartition, value }), key, value };
  }

  /** An internal topic, whose name is claimed already, behind a node; returns the source that reads it. */
  through(input: string, repartition: PlanRepartition): string {
    const { name } = repartition;
    this.#repartitions.push(repartition);
    this.add({
      id: `${name}-sink`,
      operator: 'repartition-sink',
      inputs: [input],
      stores: [],
      repartition: name,
    });
    return this.add({
      id: `${name}-source`,
      operator: 'repartition-source',
      inputs: [],
      stores: [],
      repartition: name,
    });
  }

  /** A name in Kafka Streams' manner for a node without state, whose name reaches no topic. */
  numbered(prefix: string): string {
    return `${prefix}-${String(this.#nodes.length).padStart(NUMBER_DIGITS, '0')}`;
  }

  /**
   * Claims a name of the user's: internal topics are named after it, so it must stay the same when the rest changes.
   * @throws Failure `topology.bad_name`, `topology.duplicate_name` (stop)
   */
  named(name: string): string {
    checkName(name, 'a step');
    if (this.#names.has(name)) throw this.#duplicate(name);
    this.#names.add(name);
    return name;
  }

  /**
   * One source for each topic and use: a topic that is asked for twice is read once.
   * @throws Failure `topology.two_times` (stop) when the second use takes event time from something else,
   * `topology.global_and_input` (stop) when a global table's topic has another use
   */
  source(use: string, topic: PlanTopic, time: UserFunction | undefined, make: () => Handle): Handle {
    const known = this.#sources.get(`${use} ${topic.name}`);
    if (known === undefined) {
      this.#checkGlobal(use, topic.name);
      const made = make();
      this.#sources.set(`${use} ${topic.name}`, made);
      return made;
    }
    if (this.#functions.get(known.id)?.['time'] !== time)
      throw new Failure(
        'topology.two_times',
        'stop',
        `topic ${topic.name} is read twice with different event times`,
        {
          fix: 'call builder.stream once and use its result twice',
        },
      );
    return known;
  }

  /** A process reads a partition once: a global table is at its end from the start, where a task would begin much earlier. */
  #checkGlobal(use: string, topic: string): void {
    const others = use === 'global-source' ? ['stream', 'table-source'] : ['global-source'];
    if (!others.some((other) => this.#sources.has(`${other} ${topic}`))) return;
    throw new Failure(
      'topology.global_and_input',
      'stop',
      `topic ${topic} is read as a global table and as something else`,
      { fix: 'use builder.table(topic) for both, or put the global table into a pipeline of its own' },
    );
  }

  /**
   * True where tables of one source meet above the node: one change comes to their join twice, and the row before it is
   * not what the join makes of a side of now and a side of then.
   */
  joinsWithItself(id: string): boolean {
    const node = this.#nodes.find((candidate) => candidate.id === id);
    if (node === undefined) return false;
    const [left, right] = node.inputs;
    const isShared = left !== undefined && right !== undefined && this.shareSource(left, right);
    return isShared || node.inputs.some((input) => this.joinsWithItself(input));
  }

  /** True where a change of one source comes to both nodes. */
  shareSource(left: string, right: string): boolean {
    const others = this.#sourcesOf(right);
    return [...this.#sourcesOf(left)].some((source) => others.has(source));
  }

  #sourcesOf(id: string): Set<string> {
    const { inputs } = this.#nodes.find((candidate) => candidate.id === id) ?? { inputs: [] };
    return inputs.length === 0
      ? new Set([id])
      : new Set(inputs.flatMap((input) => [...this.#sourcesOf(input)]));
  }

  /** @throws Failure `topology.no_schema` (stop): the step must store values whose bytes nobody has described */
  schemaOf(handle: Handle, step: string): AvroSchema {
    if (handle.value !== null) return handle.value;
    throw new Failure(
      'topology.no_schema',
      'stop',
      `step "${step}" must store the values of "${handle.id}", which have no schema`,
      {
        fix: 'describe them with .as(schema) before that step',
      },
    );
  }

  /** @throws Failure `topology.unlike_keys` (stop): Avro would write the same key as other bytes on the two sides */
  checkKeys(left: Handle, right: Handle, step: string): void {
    if ((left.closeDelayMs === undefined) !== (right.closeDelayMs === undefined))
      throw new Failure(
        'topology.unlike_keys',
        'stop',
        `step "${step}" joins keys with the bounds of a window to keys without: they lie on other partitions`,
        { fix: 'give both sides the same key with .repartition(name, keySchema, selector)' },
      );
    if (keyShape(left.key) === keyShape(right.key)) return;
    throw new Failure(
      'topology.unlike_keys',
      'stop',
      `step "${step}" joins keys of unlike Avro types: ${keyShape(left.key)} and ${keyShape(right.key)}`,
      { fix: 'give both sides the same key type, for instance with .repartition(name, keySchema, selector)' },
    );
  }

  #duplicate(name: string): Failure {
    const message = `topology ${this.#pipeline} uses the name "${name}" twice`;
    return new Failure('topology.duplicate_name', 'stop', message, {
      fix: 'give each stateful step a name of its own, which is no topic it reads: topics are named after it',
    });
  }

  build(): { plan: Plan; functions: ReadonlyMap<string, NodeFunctions> } {
    const plan = {
      pipeline: this.#pipeline,
      nodes: this.#nodes,
      stores: this.#stores,
      repartitions: this.#repartitions,
    };
    return { plan, functions: this.#functions };
  }
}

export function planTopic<K, V>(topic: Topic<K, V>): PlanTopic {
  const { name, kind, partitions, key, value } = topic;
  return { name, kind, partitions, key, value };
}

function checkName(name: string, what: string): void {
  if (NAME.test(name) && name.length <= NAME_CHARACTERS_MAX) return;
  throw new Failure('topology.bad_name', 'stop', `"${name}" cannot name ${what}`, {
    fix: `use 1 to ${NAME_CHARACTERS_MAX} letters, digits, dots, underscores or hyphens: topics are named after it`,
  });
}
