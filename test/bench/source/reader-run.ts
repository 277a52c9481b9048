import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { runSource } from '../../../connectors/postgres-source/source.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { discardingKafka } from './discarding-kafka.ts';
import { RowCounter } from './run-spec.ts';
import type { RunSpec } from './run-spec.ts';
import { sourceContext, sourceOptions } from './source-setting.ts';

/** The whole source, from socket to encoded records, up to the producer that throws them away. */
const spec = JSON.parse(process.argv[2] ?? '') as RunSpec;
const counter = new RowCounter(spec);
await using kafka = await connectKafka({
  brokers: spec.brokers.split(','),
  clientId: 'bench-reader',
  log: silentLog,
  clock: systemClock,
});
// Rows go out with a position; positions and cuts go out alone too.
const discarding = discardingKafka(kafka, (count) => counter.add(count - 1));
const stop = new AbortController();
const running = runSource(sourceOptions(spec), sourceContext(spec, discarding), stop.signal);
const result = await Promise.race([counter.done, running]);
if (result === undefined) throw new Error('the source ended before it had read everything');
process.stdout.write(`${JSON.stringify(result)}\n`);
stop.abort();
await running;
