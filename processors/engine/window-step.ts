import type { Schema } from '../../schemas/schema.ts';
import type { NullValues, PlanWindow } from './plan/plan.ts';
import type { Handle, NodeFunctions, PlanBuilder } from './plan/plan-builder.ts';
import { windowedKeySchema } from './windowed-key.ts';
import { type FixedWindow, type SessionWindow, type WindowOptions, planWindow } from './windows.ts';

/** `on-close` tells each window once, when no event can come into it any more; `on-update` with every event. */
export type WindowEmit = 'on-close' | 'on-update';

/** What `windowedBy` was told, until a fold gives it a name. */
export interface WindowRequest extends WindowOptions {
  readonly window: FixedWindow | SessionWindow;
  readonly emit: WindowEmit;
  readonly nullValues: NullValues;
}

/** Adds a windowed fold to the plan. The result's key has the bounds of the window. */
export function addWindowAggregate<A>(
  plan: PlanBuilder,
  input: Handle,
  { window, grace, emit, nullValues, onLate }: WindowRequest,
  name: string,
  schema: Schema<A>,
  functions: NodeFunctions,
): Handle {
  const id = plan.named(name);
  const { key } = input;
  const planned = planWindow(id, window, grace);
  const outer = windowedKeySchema(key, id);
  const stores = [plan.addStore({ name: id, kind: 'window', key, value: schema.avro, changelog: true })];
  if (planned.type === 'sliding') {
    const value = plan.schemaOf(input, id);
    stores.push(plan.addStore({ name: `${id}-events`, kind: 'window', key, value, changelog: true }));
  }
  plan.add(
    {
      id,
      operator: 'window-aggregate',
      inputs: [input.id],
      stores,
      window: planned,
      emit,
      nulls: nullValues,
      key,
      windowedKey: outer,
    },
    { ...functions, onLate },
  );
  return { id, key: outer, value: schema.avro, closeDelayMs: closeDelayMs(planned) };
}

/** A window has closed when the highest time seen has come to its end and this much more. */
function closeDelayMs({ type, sizeMs, graceMs }: PlanWindow): number {
  switch (type) {
    case 'tumbling':
    case 'hopping':
      return graceMs;
    // Their ends are in them.
    case 'sliding':
      return graceMs + 1;
    case 'session':
      return graceMs + sizeMs + 1;
  }
}
