import type { Kafka, TopicPartition } from '../../connectors/kafka/port.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';

const POLL_MS = 200;

interface Watched {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly groupId: string;
  readonly input: readonly TopicPartition[];
  readonly output: readonly TopicPartition[];
}

const sum = (numbers: readonly (number | null)[]): number =>
  numbers.reduce<number>((total, number) => total + (number ?? 0), 0);

/** How many input offsets are committed and how many there are, control records included. */
export async function copyProgress({ kafka, groupId, input }: Watched): Promise<string> {
  const committed = await kafka.committedOffsets(groupId, input);
  const ends = await kafka.listOffsets(input, 'high-watermark');
  return `${sum(committed)} of ${sum(ends)} input offsets are committed`;
}

/**
 * Resolves with null when every input offset is committed, or with what is behind after `maxMs`. An error on the way is
 * the cluster's coming back.
 */
export async function untilCopied(watched: Watched, maxMs: number): Promise<string | null> {
  const { kafka, clock, groupId, input } = watched;
  return untilNothing(clock, maxMs, async () => {
    const [stable, ends] = await Promise.all([
      kafka.listOffsets(input, 'last-stable'),
      kafka.listOffsets(input, 'high-watermark'),
    ]);
    const committed = await kafka.committedOffsets(groupId, input);
    const behind = input.flatMap(({ partition }, index) => {
      const at = committed[index] ?? 0;
      const end = ends[index] ?? 0;
      return at >= end ? [] : [`${partition}: committed ${at}, stable ${stable[index]}, end ${end}`];
    });
    return behind.length === 0 ? null : `input partitions behind: ${behind.join('; ')}`;
  });
}

/** Resolves with null when no transaction is open on the output, or with where one is after `maxMs`. */
export async function untilStable(
  { kafka, clock, output }: Pick<Watched, 'kafka' | 'clock' | 'output'>,
  maxMs: number,
): Promise<string | null> {
  return untilNothing(clock, maxMs, async () => {
    const stable = await kafka.listOffsets(output, 'last-stable');
    const ends = await kafka.listOffsets(output, 'high-watermark');
    const open = output.filter((_, index) => (stable[index] ?? 0) < (ends[index] ?? 0));
    return open.length === 0
      ? null
      : `transactions are open on output partitions ${open.map(({ partition }) => partition).join(', ')}`;
  });
}

/** Resolves with null as soon as `look` finds nothing, or with what it found after `maxMs`. */
export async function untilNothing(
  clock: Clock,
  maxMs: number,
  look: () => Promise<string | null>,
): Promise<string | null> {
  const deadline = clock.now() + maxMs;
  for (;;) {
    const found = await look().catch((error: unknown) => describe(error));
    if (found === null || clock.now() > deadline) return found;
    await clock.sleep(POLL_MS);
  }
}
