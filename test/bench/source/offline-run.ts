import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { ChangeReader } from '../../../connectors/postgres-source/changes/change-reader.ts';
import { runSource } from '../../../connectors/postgres-source/source.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { median } from '../figures.ts';
import { discardingKafka } from './discarding-kafka.ts';
import { RowCounter } from './run-spec.ts';
import type { ReaderRun, RunSpec } from './run-spec.ts';
import { sourceContext, sourceOptions } from './source-setting.ts';

/** As the stream groups rows while it has a backlog. */
const GROUP_BYTES = 1024 * 1024;
const ROUNDS = 9;
const WARM_UP_ROUNDS = 2;
/** The stream has come to its end: what is recorded ends with a whole transaction. */
const QUIET_MS = 500;

const spec = JSON.parse(process.argv[2] ?? '') as RunSpec;

/**
 * The reader as a session makes it, and what the socket gave it. Nobody outside of a session can wire one that is the
 * same, so the session's own is caught while it reads.
 */
function recordReader(): { reader: ChangeReader | null; segments: Buffer[]; stop: () => void } {
  const consume = Reflect.get(ChangeReader.prototype, 'consume') as ChangeReader['consume'];
  const recording = {
    reader: null as ChangeReader | null,
    segments: [] as Buffer[],
    stop: (): void => {
      ChangeReader.prototype.consume = consume;
    },
  };
  ChangeReader.prototype.consume = function consumeRecorded(this: ChangeReader, segment: Buffer) {
    recording.reader = this;
    recording.segments.push(Buffer.from(segment));
    return consume.call(this, segment);
  };
  return recording;
}

const recording = recordReader();
const counter = new RowCounter(spec);
await using kafka = await connectKafka({
  brokers: spec.brokers.split(','),
  clientId: 'bench-offline',
  log: silentLog,
  clock: systemClock,
});
const discarding = discardingKafka(kafka, (count) => counter.add(count - 1));
const stop = new AbortController();
const options = { ...sourceOptions(spec), batchBytesMax: GROUP_BYTES };
const running = runSource(options, sourceContext(spec, discarding), stop.signal);
if ((await Promise.race([counter.done, running])) === undefined)
  throw new Error('the source ended before it had read everything');
for (let known = -1; known < recording.segments.length;) {
  known = recording.segments.length;
  await systemClock.sleep(QUIET_MS);
}
recording.stop();
const { reader, segments } = recording;
if (reader === null) throw new Error('the session has no reader');

const micros: number[] = [];
const seconds: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  // The rows go to the session's batcher, which publishes what is full to nowhere.
  for (const segment of segments) await reader.consume(segment);
  if (round < WARM_UP_ROUNDS) continue;
  const { user, system } = process.cpuUsage(cpu);
  micros.push((user + system) / spec.rows);
  seconds.push((performance.now() - began) / 1e3);
}
const result: ReaderRun = {
  rowsPerSecond: spec.rows / median(seconds),
  cpuMicrosPerRow: median(micros),
  peakMib: process.resourceUsage().maxRSS / 1024,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
