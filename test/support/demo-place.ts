import type { Client } from 'pg';
import { inject } from 'vitest';
import { Chain, type ChainPlace } from '../../infra/local/demo/chain.ts';
import { connect, createDatabase, dropDatabase } from '../../infra/local/demo/databases.ts';
import { SOURCE_TABLES_SQL } from '../../infra/local/demo/source-tables.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';

/** Databases, topic prefix and roles of one test's own, with the source tables in place and no role started. */
export interface DemoPlace extends AsyncDisposable {
  readonly chain: Chain;
  readonly place: ChainPlace;
  readonly source: Client;
  readonly target: Client;
}

export async function demoPlace(name: string): Promise<DemoPlace> {
  const prefix = `${name}_${Math.random().toString(36).slice(2, 8)}`;
  const cleanUp = new AsyncDisposableStack();
  const serverOfSource = inject('sourceUrl');
  const serverOfTarget = inject('targetUrl');
  const sourceUrl = await createDatabase(serverOfSource, `${prefix}_shop`);
  cleanUp.defer(() => dropDatabase(serverOfSource, `${prefix}_shop`));
  const targetUrl = await createDatabase(serverOfTarget, `${prefix}_analytics`);
  cleanUp.defer(() => dropDatabase(serverOfTarget, `${prefix}_analytics`));
  const machine = thisMachine();
  const run = cleanUp.adopt(await createRunFolder(machine), (folder) => folder.remove());
  const source = await connect(sourceUrl);
  cleanUp.defer(() => source.end());
  const target = await connect(targetUrl);
  cleanUp.defer(() => target.end());
  await source.query(SOURCE_TABLES_SQL);
  const servers = { kafkaBrokers: inject('kafkaBrokers'), registryUrl: inject('registryUrl') };
  const place = { ...servers, sourceUrl, targetUrl, topicPrefix: prefix };
  return {
    chain: cleanUp.use(new Chain(place, run, machine)),
    place,
    source,
    target,
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}
