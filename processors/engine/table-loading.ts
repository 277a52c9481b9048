import { Failure } from '../../infra/process/failure.ts';
import type { Handle } from './plan/plan-builder.ts';
import type { PlanTopic } from './plan/plan.ts';

/** What comes first when a task begins. */
export interface TableLoading {
  /**
   * True: whenever a task begins, it reads the table to the end that its topic has at that moment before it takes anything
   * else, whatever the times. For rows that were written after the events that need them: a table that was copied
   * late, or filled from elsewhere. What the first events meet then depends on the moment when the task began, and a
   * replay gives other results than the first run. Default: false, a row meets the events that were committed after it.
   */
  readonly loadFirst?: boolean;
}

/**
 * The source of a topic that is read as a table, once or more.
 * @throws Failure `topology.two_histories`, `topology.two_loadings` (stop) when it is read as another kind of table already
 */
export function sameTable(
  handle: Handle,
  topic: PlanTopic,
  {
    historyMs,
    loadFirst = false,
  }: { readonly historyMs?: number | undefined } & { readonly loadFirst?: boolean | undefined },
): Handle {
  if (handle.historyMs !== historyMs)
    throw new Failure(
      'topology.two_histories',
      'stop',
      `topic ${topic.name} is read as a table twice with different histories`,
      { fix: 'call builder.table once, with the longest history that is needed, and use its result twice' },
    );
  if ((handle.loadFirst ?? false) !== loadFirst)
    throw new Failure(
      'topology.two_loadings',
      'stop',
      `topic ${topic.name} is read as a table twice, once with loadFirst and once without`,
      { fix: 'call builder.table once and use its result twice' },
    );
  return handle;
}
