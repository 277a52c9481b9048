import { BACKEND } from '../../../connectors/postgres-source/wire/backend-message.ts';
import {
  ReplicationConnection,
  STREAM,
  XLOG_HEADER_BYTES,
} from '../../../connectors/postgres-source/wire/replication-connection.ts';
import { HEADER_BYTES } from '../../../connectors/postgres-source/wire/wire-framer.ts';
import { PGOUTPUT } from '../../../connectors/postgres-source/changes/pgoutput.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { RowCounter } from './run-spec.ts';
import type { RunSpec } from './run-spec.ts';

/** The socket alone: messages are framed, inserts are counted, nothing is read of them. */
const spec = JSON.parse(process.argv[2] ?? '') as RunSpec;
const counter = new RowCounter(spec);
const options = { url: spec.url, applicationName: 'bench-drain' };
await using replication = await ReplicationConnection.open(options, systemClock);
replication.start({ slot: spec.slot, publication: 'millrace', start: 0n, flushed: () => 0n }, 0);

/** Inserts in a segment of whole messages. */
function insertsOf(segment: Buffer): number {
  let inserts = 0;
  for (let at = 0; at < segment.length; at += 1 + segment.readInt32BE(at + 1))
    if (
      segment[at] === BACKEND.copyData &&
      segment[at + HEADER_BYTES] === STREAM.xlogData &&
      segment[at + XLOG_HEADER_BYTES] === PGOUTPUT.insert
    )
      inserts++;
  return inserts;
}

let isDone = false;
void counter.done.then((result) => {
  isDone = true;
  process.stdout.write(`${JSON.stringify(result)}\n`);
  replication.wire.nudge();
});
while (!isDone) {
  const segment = replication.wire.take();
  if (segment === null) await replication.wire.readable();
  else {
    const inserts = insertsOf(segment);
    if (inserts > 0) counter.add(inserts);
  }
}
