import { expect, test } from 'vitest';
import { stageOf } from '../../../../connectors/postgres-sink/rebuild/rebuild-plan.ts';
import type { StoredRebuild } from '../../../../connectors/postgres-sink/rebuild/rebuild-table.ts';

const OPTIONS = { deleteMode: 'hard', metaColumns: false, onTruncate: 'apply', setsAside: false } as const;
const HOUR_MS = 3_600_000;
const stored: StoredRebuild = { newOid: '1', keptOid: null, options: OPTIONS, behindForMs: HOUR_MS };

test('what an earlier run has filled is gone on with', () => {
  expect(stageOf(stored, true, OPTIONS, 2 * HOUR_MS)).toEqual({ kind: 'resume' });
});

test('a rebuild that is over leaves nothing to go on with', () => {
  expect(stageOf(null, false, OPTIONS, HOUR_MS)).toEqual({ kind: 'new' });
  expect(stageOf({ ...stored, newOid: null, keptOid: '2' }, false, OPTIONS, HOUR_MS)).toEqual({
    kind: 'new',
  });
});

test('it begins anew where deletions may have gone from the topic meanwhile', () => {
  const stage = stageOf(stored, true, OPTIONS, HOUR_MS);
  expect(stage).toEqual({
    kind: 'restart',
    reason: 'it was left for 1.0 h, and the topic keeps deletions for 1.0 h',
  });
});

test('it begins anew where the sink keeps the table otherwise, or the table is gone', () => {
  expect(stageOf(stored, true, { ...OPTIONS, deleteMode: 'soft' }, 2 * HOUR_MS).kind).toBe('restart');
  expect(stageOf(stored, false, OPTIONS, 2 * HOUR_MS).kind).toBe('restart');
});
