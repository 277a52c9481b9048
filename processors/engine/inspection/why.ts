import { must } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { toPlainJson } from '../../../schemas/serde/plain-json.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { SubTopology } from '../plan/sub-topology.ts';
import type { WindowStore } from '../state/store.ts';
import { type Elsewhere, type InspectedState, type InspectedTask, refusal } from './inspected-state.ts';
import { joinPending } from './join-pending.ts';
import type { PendingContext, PendingEntry } from './pending-entry.ts';
import { keyOf } from './query-text.ts';
import { taskOfKey } from './store-queries.ts';
import { laidOutStore, windowsAbove } from './store-layout.ts';
import { windowRow } from './store-rows.ts';
import { gracePending, suppressPending, windowPending } from './window-pending.ts';

/** Entries of all operators in one answer. */
const PENDING_MAX = 1_000;

/** What one operator has pending of a key. */
export interface PendingOfOperator {
  readonly operator: string;
  readonly kind: PlanNode['operator'];
  readonly task: string;
  readonly key: unknown;
  /** Highest event time that the operator has seen in this task, milliseconds; null before the first. */
  readonly streamTime: number | null;
  readonly pending: readonly PendingEntry[];
}

/** What is pending for a key, operator by operator. */
export interface WhyAnswer {
  readonly operators: readonly PendingOfOperator[];
  /** Operators whose task of the key is not here. */
  readonly elsewhere: readonly (Elsewhere & { readonly operator: string })[];
  /** Operators that wait, but for keys of another type than the one that is asked for. */
  readonly unlike: readonly string[];
  readonly truncated: boolean;
}

/**
 * What the operators here have of a key and have not done with, and until when. Time is the operators' own stream time,
 * which goes on with records, and with the source's progress where event time is commit time.
 * @throws Failure `query.bad_key` when the key fits no operator that waits
 */
export function why(state: InspectedState, keyText: string): WhyAnswer {
  const operators: PendingOfOperator[] = [];
  const elsewhere: (Elsewhere & { operator: string })[] = [];
  const unlike: string[] = [];
  let refused = refusal('bad_request', `no operator of ${state.plan.pipeline} waits for anything`);
  let room = PENDING_MAX;
  for (const part of state.parts)
    for (const node of part.nodes) {
      const questions = questionsOf(state, node);
      if (questions.length === 0) continue;
      const asked = fitting(state, questions, keyText);
      if (asked instanceof Failure) {
        refused = asked;
        unlike.push(node.id);
        continue;
      }
      const found = ofOperator(state, part, node, asked, room);
      room -= found.reduce((sum, { pending }) => sum + pending.length, 0);
      operators.push(...found);
      const owned = asked.isPlaced ? taskOfKey(state, part.id, asked.key) : null;
      const isHere = state.tasks.some(
        (task) => task.part.id === part.id && task.partition === owned?.partition,
      );
      if (owned !== null && !isHere && found.length === 0) elsewhere.push({ operator: node.id, ...owned });
    }
  if (operators.length + elsewhere.length === 0 && unlike.length > 0) throw refused;
  return { operators, elsewhere, unlike, truncated: room === 0 };
}

interface AskedKey extends Question {
  readonly key: Buffer;
}

/** The first question that the key fits, or why it fits none. */
function fitting(
  { serdes }: InspectedState,
  questions: readonly Question[],
  keyText: string,
): AskedKey | Failure {
  let refused = refusal('bad_key', 'the key fits nothing');
  for (const question of questions) {
    try {
      return { ...question, key: serdes(question.schema).encodeBody(keyOf(question.schema, keyText)) };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      refused = error;
    }
  }
  return refused;
}

/** What the task of the key has, and any other that has something: not every producer places keys as we do. */
function ofOperator(
  state: InspectedState,
  part: SubTopology,
  node: PlanNode,
  asked: AskedKey,
  roomMax: number,
): PendingOfOperator[] {
  const { key, schema } = asked;
  const owned = asked.isPlaced ? taskOfKey(state, part.id, key).partition : null;
  const found: PendingOfOperator[] = [];
  let room = roomMax;
  for (const task of state.tasks) {
    if (task.part.id !== part.id) continue;
    const pending = asked.pending(contextOf(state, node, task), key).slice(0, room);
    if (task.partition !== owned && pending.length === 0) continue;
    room -= pending.length;
    const streamTime = streamTimeOf(node, task);
    const keyJson = toPlainJson(schema, state.serdes(schema).decodeBody(key));
    found.push({ operator: node.id, kind: node.operator, task: task.id, key: keyJson, streamTime, pending });
  }
  return found;
}

function streamTimeOf(node: PlanNode, task: InspectedTask): number | null {
  const [clock = ''] = node.stores;
  const { streamTime } = must(task.stores.get(clock), `task ${task.id} has no store ${clock}`) as WindowStore;
  return Number.isFinite(streamTime) ? streamTime : null;
}

/** One way to ask an operator for a key. */
interface Question {
  readonly schema: AvroSchema;
  /** Whether the key's task follows from its bytes. */
  readonly isPlaced: boolean;
  readonly pending: (context: PendingContext, key: Buffer) => PendingEntry[];
}

function questionsOf(state: InspectedState, node: PlanNode): Question[] {
  const keySchema = (): AvroSchema => laidOutStore(state.plan, node.stores[0] ?? '').store.key;
  const asked = <N extends PlanNode>(
    own: N,
    schema: AvroSchema,
    read: (context: PendingContext<N>, key: Buffer) => PendingEntry[],
  ): Question => ({
    schema,
    isPlaced: true,
    pending: (context, key) => read({ ...context, node: own }, key),
  });
  if (node.operator === 'stream-stream-join') return [asked(node, keySchema(), joinPending)];
  if (node.operator === 'window-aggregate') return [asked(node, keySchema(), windowPending)];
  if (node.operator === 'stream-table-join')
    return node.graceMs === undefined ? [] : [asked(node, keySchema(), gracePending)];
  if (node.operator !== 'suppress') return [];
  const windows = windowsAbove(state.plan, node);
  const byKey = asked(node, windows?.key ?? keySchema(), (context, key) =>
    suppressPending(context, key, false),
  );
  const byWindow = asked(node, keySchema(), (context, key) => suppressPending(context, key, true));
  return windows === null ? [byKey] : [{ ...byWindow, isPlaced: false }, byKey];
}

function contextOf(state: InspectedState, node: PlanNode, task: InspectedTask): PendingContext {
  const { plan, serdes } = state;
  return {
    node,
    plan,
    serdes,
    store: (name) => must(task.stores.get(name), `task ${task.id} has no store ${name}`) as WindowStore,
    row: (store, entry) => windowRow(laidOutStore(plan, store), serdes, entry) ?? {},
  };
}
