import { Failure } from '../../infra/process/failure.ts';
import type { ConfigChange, TopicConfig, TopicDrift, TopicPlan, TopicSpec } from './port.ts';

/** A topic as it is. */
export interface TopicState {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** At least the settings that `comparedConfigs` names. */
  readonly config: ReadonlyMap<string, TopicConfig>;
}

const CLEANUP_POLICY = 'cleanup.policy';
const MIN_INSYNC_REPLICAS = 'min.insync.replicas';

/** They say how a log is kept, not what it keeps: of an internal topic they may change in any direction. */
const HARMLESS: ReadonlySet<string> = new Set([
  'compression.type',
  'file.delete.delay.ms',
  'flush.messages',
  'flush.ms',
  'index.interval.bytes',
  'max.compaction.lag.ms',
  'min.cleanable.dirty.ratio',
  'min.compaction.lag.ms',
  'preallocate',
  'segment.bytes',
  'segment.index.bytes',
  'segment.jitter.ms',
  'segment.ms',
]);

/** May only grow: with less, records go that nobody has read yet, or are refused, or are kept less safely. */
const GROWING: ReadonlySet<string> = new Set([
  'delete.retention.ms',
  'max.message.bytes',
  MIN_INSYNC_REPLICAS,
  'retention.bytes',
  'retention.ms',
]);
const UNLIMITED = -1;

/** The settings that a topic is created with. */
export const wantedConfig = ({ config, minInsyncReplicas }: TopicSpec): Readonly<Record<string, string>> =>
  minInsyncReplicas === undefined ? config : { ...config, [MIN_INSYNC_REPLICAS]: String(minInsyncReplicas) };

/** Names of the settings that count when the topic exists. What others keep in a topic of theirs is their business. */
export function comparedConfigs(spec: TopicSpec): string[] {
  const names = Object.keys(wantedConfig(spec));
  return spec.internal === true
    ? names
    : names.filter((name) => name === CLEANUP_POLICY || name === MIN_INSYNC_REPLICAS);
}

/**
 * Plans from the specifications and from what is there, in the order of the specifications. Partitions, replicas and
 * cleanup.policy are never altered: keys would change partitions, data would move, records would go.
 */
export function topicPlan(specs: readonly TopicSpec[], states: ReadonlyMap<string, TopicState>): TopicPlan {
  const create: TopicSpec[] = [];
  const alter: { topic: string; set: ConfigChange[] }[] = [];
  const drift: TopicDrift[] = [];
  for (const spec of specs) {
    const state = states.get(spec.name);
    if (state === undefined) {
      create.push(spec);
      continue;
    }
    drift.push(...shapeDrift(spec, state));
    const set: ConfigChange[] = [];
    for (const change of changes(spec, state))
      if (isSafe(spec, state, change)) set.push(change);
      else drift.push(configDrift(spec, change));
    if (set.length > 0) alter.push({ topic: spec.name, set });
  }
  return { create, alter, drift };
}

function shapeDrift(spec: TopicSpec, state: TopicState): TopicDrift[] {
  const { name: topic, partitions, replicationFactor } = spec;
  const drift: TopicDrift[] = [];
  if (partitions !== state.partitions)
    drift.push({
      topic,
      what: 'partitions',
      wanted: String(partitions),
      found: String(state.partitions),
      fix:
        spec.internal === true
          ? 'partitions of the inputs have changed: change them back, or reset the application'
          : 'change the plan or the topic; a topic that others read is never altered from here',
    });
  if (replicationFactor !== undefined && replicationFactor !== state.replicationFactor)
    drift.push({
      topic,
      what: 'replicas',
      wanted: String(replicationFactor),
      found: String(state.replicationFactor),
      fix: 'change the plan, or move the replicas with kafka-reassign-partitions',
    });
  return drift;
}

function changes(spec: TopicSpec, state: TopicState): ConfigChange[] {
  const wanted = wantedConfig(spec);
  return comparedConfigs(spec).flatMap((name) => {
    const to = wanted[name] ?? '';
    const from = state.config.get(name)?.value ?? 'no such setting';
    return sameValue(name, from, to) ? [] : [{ name, from, to }];
  });
}

function sameValue(name: string, a: string, b: string): boolean {
  if (name === CLEANUP_POLICY) return normalPolicy(a) === normalPolicy(b);
  return a === b || (a !== '' && b !== '' && Number(a) === Number(b));
}

const normalPolicy = (policy: string): string =>
  policy
    .split(',')
    .map((part) => part.trim())
    .toSorted()
    .join(',');

function isSafe(spec: TopicSpec, state: TopicState, { name, from, to }: ConfigChange): boolean {
  if (spec.internal !== true) return false;
  if (name === MIN_INSYNC_REPLICAS && Number(to) > state.replicationFactor) return false;
  return HARMLESS.has(name) || (GROWING.has(name) && amount(to) > amount(from));
}

const amount = (value: string): number =>
  Number(value) === UNLIMITED ? Number.POSITIVE_INFINITY : Number(value);

function configDrift(spec: TopicSpec, { name, from, to }: ConfigChange): TopicDrift {
  const command = `kafka-configs --alter --topic ${spec.name} --add-config ${name}=${to}`;
  return {
    topic: spec.name,
    what: name,
    wanted: to,
    found: from,
    fix:
      spec.internal === true
        ? `change the plan, or, when nothing can be lost by it: ${command}`
        : `change the plan, or, when all who use the topic agree: ${command}`,
  };
}

const driftText = ({ topic, what, wanted, found }: TopicDrift): string =>
  `topic ${topic} should have ${what.includes('.') ? `${what}=${wanted}` : `${wanted} ${what}`}, it has ${found}`;

/** All drifts as one error, `kafka.topic_drift` (stop). */
export function driftFailure(drift: readonly TopicDrift[]): Failure {
  const [first] = drift;
  if (drift.length === 1 && first !== undefined)
    return new Failure('kafka.topic_drift', 'stop', driftText(first), { fix: first.fix });
  const list = drift.map((each) => `${driftText(each)} (${each.fix})`).join('; ');
  return new Failure('kafka.topic_drift', 'stop', `${drift.length} things are not as planned: ${list}`, {
    fix: 'see each of them; nothing was created or altered',
  });
}

/** A plan for a person: one line per change. Empty when there is nothing to do. */
export function renderTopicPlan({ create, alter, drift }: TopicPlan): string {
  const lines = [
    ...create.map((spec) => `create ${spec.name}: ${shapeText(spec)}`),
    ...alter.flatMap(({ topic, set }) =>
      set.map(({ name, from, to }) => `alter  ${topic}: ${name} from ${from} to ${to}`),
    ),
    ...drift.map((each) => `drift  ${driftText(each)}: ${each.fix}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function shapeText(spec: TopicSpec): string {
  const replicas = spec.replicationFactor === undefined ? [] : [`${spec.replicationFactor} replicas`];
  const settings = Object.entries(wantedConfig(spec)).map(([name, value]) => `${name}=${value}`);
  return [`${spec.partitions} partitions`, ...replicas, ...settings].join(', ');
}
