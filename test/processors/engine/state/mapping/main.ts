import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLevel } from '../../../../../processors/engine/state/level-database.ts';
import { LevelMaps } from '../../../../../processors/engine/state/level-maps.ts';

/** Tells for each life of the maps whether LevelDB maps a table that it reads. A process of its own has maps of its own. */
const folder = process.argv[2] ?? '';
const path = join(folder, '0_0');
const mapsPath = join(folder, 'maps');
const key = Buffer.from('key');

const fail = (error: unknown): never => {
  throw error;
};

async function tell(life: string): Promise<void> {
  const database = await openLevel(path);
  const value = database.get(key)?.toString() ?? 'no value';
  const isMapped = readFileSync('/proc/self/maps', 'utf8').includes(`${path}/`);
  await database.close();
  process.stdout.write(`${life}: ${value}, ${isMapped ? 'mapped' : 'not mapped'}\n`);
}

const database = await openLevel(path);
await database.write((batch) => batch.put(key, Buffer.from('value')), false);
await database.close();
// What is in its log is made a table when it is opened again.
await (await openLevel(path)).close();

await tell('none');
// A life that ends while the tables are being made: the next one goes on with them.
await (await LevelMaps.open(mapsPath, fail))[Symbol.asyncDispose]();
{
  await using maps = await LevelMaps.open(mapsPath, fail);
  await maps.taken();
  await tell('made');
}
{
  await using _maps = await LevelMaps.open(mapsPath, fail);
  await tell('found');
}
