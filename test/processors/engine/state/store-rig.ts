import type { StateStore } from '../../../../processors/engine/state/store.ts';

/** A store under test, with what its task does for it. */
export interface OpenedStore<S extends StateStore> {
  readonly store: S;
  /** Makes what is staged durable, where that is possible, and ends the staging. */
  readonly commit: () => Promise<void>;
  /** Opens it again as it was committed. Left out of a store that does not outlive its process. */
  readonly reopen?: () => Promise<OpenedStore<S>>;
}

/** Opens empty stores. */
export interface StoreRig<S extends StateStore> {
  readonly open: () => Promise<OpenedStore<S>>;
}

/** A store that is filled from its changelog. */
export async function restored<S extends StateStore>(
  open: StoreRig<S>['open'],
  changelog: ReadonlyMap<string, Buffer | null>,
): Promise<OpenedStore<S>> {
  const opened = await open();
  for (const [id, value] of changelog) opened.store.restore(Buffer.from(id, 'latin1'), value);
  await opened.commit();
  return opened;
}
