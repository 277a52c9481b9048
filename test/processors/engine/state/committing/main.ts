import { systemClock } from '../../../../../infra/process/clock.ts';
import { createLog } from '../../../../../infra/process/log.ts';
import { DiskHome } from '../../../../../processors/engine/state/disk-home.ts';
import type { KeyValueStore, WindowStore } from '../../../../../processors/engine/state/store.ts';

/** Commits again and again, and tells the number of each commit that is in, until it is killed. */
const home = new DiskHome({
  path: process.argv[2] ?? '',
  cleanupDelayMs: 60_000,
  clock: systemClock,
  log: createLog('silent', 'test'),
});
const state = await home.open('0_0', [
  { name: 'table', kind: 'key-value', key: 'bytes', value: 'bytes', changelog: true },
  { name: 'window', kind: 'window', key: 'bytes', value: 'bytes', changelog: true },
]);
const table = state.stores.get('table') as KeyValueStore;
const windows = state.stores.get('window') as WindowStore;
const { found } = state;
for (let commit = typeof found === 'string' ? 1 : (found.changelogs['table'] ?? 0) + 1; ; commit++) {
  for (let i = 0; i < 100; i++) table.put(Buffer.from(`k${i}`), Buffer.from(`value ${commit}`));
  windows.put(Buffer.from('w'), commit, Buffer.from('entry'));
  windows.expire(commit - 9);
  await state.commit({ changelogs: { table: commit, window: commit }, inputs: {}, time: 0 }, true);
  process.stdout.write(`${commit}\n`);
}
