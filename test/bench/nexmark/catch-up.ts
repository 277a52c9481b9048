import type { Kafka, TopicPartition } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type ProcessCost, costOf } from '../source/process-cost.ts';
import { partitionsOf } from './results.ts';
import type { RunningSystem } from './system.ts';

const SAMPLE_MS = 50;
/** Neither offsets nor results move for so long: everything is done. */
const QUIET_MS = 2_000;
const STALLED_MS = 60_000;
/** The part of the records that warms up. */
const WARM_UP = 0.2;
const SECONDS_MIN = 0.5;

/** What a system did between the end of the warm-up and its last commit. */
export interface CatchUp {
  readonly records: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of the whole run. */
  readonly peakMib: number;
}

interface Sample extends ProcessCost {
  readonly at: number;
  /** Input records whose transaction is committed. */
  readonly done: number;
  readonly results: number;
}

/**
 * Watches a system read topics that were written before, by the offsets that it commits with its results: what they
 * pass is done for good. Each partition of the inputs begins at offset 0 and has no control records.
 */
export async function watchCatchUp(
  kafka: Kafka,
  { server, groupId, resultName, result }: RunningSystem,
  inputs: readonly TopicPartition[],
  records: number,
): Promise<CatchUp> {
  const outputs = partitionsOf(resultName, result.partitions);
  const sample = async (): Promise<Sample> => {
    const ended = server.ended();
    if (ended !== null) throw new Error(`${server.name} ended: ${ended}\n${tailOf(server.log())}`);
    const offsets = await kafka.committedOffsets(groupId, inputs);
    const ends = await kafka.listOffsets(outputs, 'last-stable');
    return { at: performance.now(), done: sumOf(offsets), results: sumOf(ends), ...costOf(server.pid) };
  };
  let warm: Sample | null = null;
  let last = await sample();
  for (;;) {
    await systemClock.sleep(SAMPLE_MS);
    const now = await sample();
    if (now.done > last.done || now.results > last.results) {
      last = now;
      if (warm === null && now.done >= records * WARM_UP) warm = now;
    } else if (last.done >= records && now.at - last.at > QUIET_MS) break;
    else if (now.at - last.at > STALLED_MS)
      throw new Error(
        `${server.name} stands still at ${last.done} of ${records} records\n${tailOf(server.log())}`,
      );
  }
  const from = warm ?? last;
  const seconds = (last.at - from.at) / 1e3;
  if (seconds < SECONDS_MIN)
    throw new Failure(
      'bench.too_few_records',
      'stop',
      `${server.name}: ${seconds.toFixed(2)} s between the warm-up and the end say nothing`,
      { fix: 'give more --records' },
    );
  return {
    records: last.done - from.done,
    seconds,
    cpuSeconds: last.cpuSeconds - from.cpuSeconds,
    peakMib: costOf(server.pid).peakMib,
  };
}

const sumOf = (offsets: readonly (number | null)[]): number =>
  offsets.reduce<number>((sum, offset) => sum + (offset ?? 0), 0);

const TAIL_LINES = 20;
const tailOf = (log: string): string => log.split('\n').slice(-TAIL_LINES).join('\n');
