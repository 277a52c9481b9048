import type { PlanNode } from '../plan/plan.ts';
import { streamAggregate, tableAggregate, tableGroupBy } from './aggregate.ts';
import { suppress } from './suppress.ts';
import { windowAggregate } from './window-aggregate.ts';
import { passThrough, sink, tableSource } from './endpoints.ts';
import { foreignTableJoin } from './foreign-table-join.ts';
import type { Operator, OperatorContext } from './operator.ts';
import { processStep } from './process.ts';
import { responseJoin } from './response-join.ts';
import { filter, flatMapValues, mapValues, selectKey, tableFilter, tableMapValues } from './stateless.ts';
import { streamStreamJoin } from './stream-stream-join.ts';
import { streamTableGraceJoin } from './stream-table-grace-join.ts';
import { streamGlobalJoin, streamTableJoin } from './stream-table-join.ts';
import { subscriptionSend } from './subscription-send.ts';
import { tableTableJoin } from './table-table-join.ts';
import { versionedTableSource } from './versioned-table-source.ts';

/** Puts a node of the plan to work. */
export function createOperator(
  contextOf: <N extends PlanNode>(node: N) => OperatorContext<N>,
  node: PlanNode,
): Operator {
  switch (node.operator) {
    case 'merge':
    case 'stream-source':
    case 'repartition-source':
      return passThrough(contextOf(node));
    case 'table-source':
    case 'global-source':
      return node.historyMs === undefined
        ? tableSource(contextOf(node))
        : versionedTableSource(contextOf(node), node.historyMs);
    case 'sink':
    case 'repartition-sink':
      return sink(contextOf(node));
    case 'filter':
      return filter(contextOf(node));
    case 'map-values':
      return mapValues(contextOf(node));
    case 'table-filter':
      return tableFilter(contextOf(node));
    case 'table-map-values':
      return tableMapValues(contextOf(node));
    case 'flat-map-values':
      return flatMapValues(contextOf(node));
    case 'process':
      return processStep(contextOf(node));
    case 'select-key':
      return selectKey(contextOf(node));
    case 'table-group-by':
      return tableGroupBy(contextOf(node));
    case 'stream-stream-join':
      return streamStreamJoin(contextOf(node));
    case 'stream-table-join':
      return node.graceMs === undefined
        ? streamTableJoin(contextOf(node))
        : streamTableGraceJoin(contextOf(node), node.graceMs);
    case 'stream-global-join':
      return streamGlobalJoin(contextOf(node));
    case 'table-table-join':
      return tableTableJoin(contextOf(node));
    case 'subscription-send':
      return subscriptionSend(contextOf(node));
    case 'foreign-table-join':
      return foreignTableJoin(contextOf(node));
    case 'response-join':
      return responseJoin(contextOf(node));
    case 'stream-aggregate':
      return streamAggregate(contextOf(node));
    case 'table-aggregate':
      return tableAggregate(contextOf(node));
    case 'window-aggregate':
      return windowAggregate(contextOf(node));
    case 'suppress':
      return suppress(contextOf(node));
  }
}
