import type { TableOperator } from './operator.ts';
import { sessionWindowAggregate } from './session-window-aggregate.ts';
import { slidingWindowAggregate } from './sliding-window-aggregate.ts';
import { timeWindowAggregate } from './time-window-aggregate.ts';
import type { WindowContext } from './window-results.ts';

/** The fold for the windows that the plan asks for. */
export function windowAggregate(context: WindowContext): TableOperator {
  switch (context.node.window.type) {
    case 'tumbling':
    case 'hopping':
      return timeWindowAggregate(context);
    case 'sliding':
      return slidingWindowAggregate(context);
    case 'session':
      return sessionWindowAggregate(context);
  }
}
