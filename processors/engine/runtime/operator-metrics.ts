import { METRIC, type Metrics } from '../../../infra/process/metrics.ts';
import { type OperatorCounts, filteredRecords } from '../operator-counts.ts';
import type { PlanNode } from '../plan/plan.ts';
import type { DropReason } from '../record.ts';
import type { OperatorProgress } from './operator-progress.ts';

/** What operators have done, as of the last commit: told once per commit, so that what is done twice counts once. */
export interface OperatorMetrics {
  /** Adds counts, and sets them back to zero. */
  counted(counts: Iterable<OperatorCounts>): void;
  /** Takes down where the operators of a task stand. */
  stand(task: string, progress: readonly OperatorProgress[]): void;
  /** Of a global table, which is committed nowhere and loaded anew by each session. */
  readonly dropped: (node: string, reason: DropReason) => void;
  /** Forgets a task that another instance may own now. */
  closed(task: string): void;
}

const MS_PER_SECOND = 1_000;

export function operatorMetrics(metrics: Metrics, pipeline: string): OperatorMetrics {
  const received = metrics.counter(METRIC.operatorReceived, 'Records that an operator has taken in.', [
    'pipeline',
    'node',
    'input',
  ]);
  const forwarded = metrics.counter(METRIC.operatorForwarded, 'Records that an operator has handed on.', [
    'pipeline',
    'node',
  ]);
  const filtered = metrics.counter(
    METRIC.operatorFiltered,
    'Records that an operator told nothing of by its own rules: a predicate, an inner join without a row.',
    ['pipeline', 'node'],
  );
  const dropped = metrics.counter(METRIC.recordsDropped, 'Records that an operator has dropped, by reason.', [
    'pipeline',
    'node',
    'reason',
  ]);
  const matched = metrics.counter(METRIC.joinMatched, 'Pairs that a join has put out.', ['pipeline', 'node']);
  const streamTime = metrics.gauge(
    METRIC.operatorStreamTime,
    'Highest event time that an operator has seen, seconds since the Unix epoch.',
    ['pipeline', 'task', 'node'],
  );
  const pending = metrics.gauge(
    METRIC.operatorPending,
    'Buffered records, open windows and held changes of an operator.',
    ['pipeline', 'task', 'node'],
  );
  const nodesOf = new Map<string, ReadonlySet<string>>();
  const publish = (counts: OperatorCounts): void => {
    const labels = { pipeline, node: counts.node.id };
    counts.received.forEach((records, i) => {
      if (records > 0) received.inc({ ...labels, input: inputName(counts.node, i) }, records);
    });
    if (counts.forwarded > 0) forwarded.inc(labels, counts.forwarded);
    const rest = filteredRecords(counts) ?? 0;
    if (rest > 0) filtered.inc(labels, rest);
    if (counts.matched > 0) matched.inc(labels, counts.matched);
    for (const [reason, records] of counts.dropped) dropped.inc({ ...labels, reason }, records);
    counts.reset();
  };
  return {
    counted(counts) {
      for (const own of counts) publish(own);
    },
    stand(task, progress) {
      for (const { node, clock, held } of progress) {
        const labels = { pipeline, task, node: node.id };
        if (Number.isFinite(clock.streamTime)) streamTime.set(labels, clock.streamTime / MS_PER_SECOND);
        if (held.length > 0)
          pending.set(
            labels,
            held.reduce((sum, { entries }) => sum + entries, 0),
          );
      }
      nodesOf.set(task, new Set(progress.map(({ node }) => node.id)));
    },
    dropped: (node, reason) => dropped.inc({ pipeline, node, reason }),
    closed(task) {
      for (const node of nodesOf.get(task) ?? []) {
        streamTime.remove({ pipeline, task, node });
        pending.remove({ pipeline, task, node });
      }
      nodesOf.delete(task);
    },
  };
}

/** The operator that an input comes from; of a source, the topic. */
function inputName(node: PlanNode, place: number): string {
  if (node.operator === 'repartition-source') return node.repartition;
  const isSource = node.inputs.length === 0 && 'topic' in node;
  return isSource ? node.topic.name : (node.inputs[place] ?? '');
}
