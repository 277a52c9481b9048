import type { Log } from '../../../infra/process/log.ts';
import { type ProgressCut, decodeProgress, isProgress } from '../../../schemas/progress.ts';
import type { Kafka } from '../../kafka/port.ts';
import type { EndOffsets } from './end-offsets.ts';
import { readPartition } from './partition-reading.ts';

/** A cut is a record and its transaction's marker; what else is there are cuts that were aborted. */
const CUT_OFFSETS_MAX = 1_000;
const NO_CUT = Buffer.alloc(0);

/**
 * Topics that end before the place that the last cut told of: somebody has deleted them, and they were made anew, or Kafka
 * has lost their end. What the source has published there is not there any more.
 */
export async function lostTopics(
  kafka: Kafka,
  { progressTopic, slotName }: { readonly progressTopic: string; readonly slotName: string },
  ends: EndOffsets,
  log: Log,
): Promise<ReadonlySet<string>> {
  let cut: Buffer = NO_CUT;
  await readPartition(
    kafka,
    progressTopic,
    (record) => {
      const { key, value } = record;
      if (value !== null && String(key) === slotName && isProgress(record, log)) cut = value;
    },
    CUT_OFFSETS_MAX,
  );
  return new Set(cut.length === 0 ? [] : shrunk(decodeProgress(cut).offsets, ends));
}

function shrunk(told: ProgressCut['offsets'], ends: EndOffsets): string[] {
  return Object.entries(told).flatMap(([topic, offsets]) => {
    const found = ends.of(topic);
    const isShrunk = found !== undefined && offsets.some((offset, i) => (found[i] ?? 0) < offset);
    return isShrunk ? [topic] : [];
  });
}
