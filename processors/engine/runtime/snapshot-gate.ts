import type { Kafka } from '../../../connectors/kafka/port.ts';
import type { Log } from '../../../infra/process/log.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { decodeProgress, isProgress } from '../../../schemas/progress.ts';

/** Longest wait for the next part, milliseconds: the signal is looked at this often. */
const POLL_MAX_MS = 500;

/**
 * Resolves when the source has written its first progress cut: until then its topics hold a part of a snapshot, and
 * whatever is joined now would be joined with rows that are still to come.
 */
export async function waitForSnapshot(
  kafka: Kafka,
  prefix: string,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const partition = { topic: progressTopicName(prefix), partition: 0 };
  const [offset = 0] = await kafka.listOffsets([partition], 'earliest');
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...partition, offset }]);
  let told = false;
  while (!signal.aborted) {
    for (const batch of await fetcher.poll(POLL_MAX_MS)) {
      const cut =
        batch.records.find((record) => record.value !== null && isProgress(record, log))?.value ?? null;
      if (cut === null) continue;
      log.info({ endLsn: String(decodeProgress(cut).endLsn) }, 'the source has its snapshot');
      return;
    }
    if (!told) log.info({ topic: partition.topic }, "waiting for the end of the source's snapshot");
    told = true;
  }
}
