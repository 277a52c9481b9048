import { LogicalReplicationService, PgoutputPlugin } from 'pg-logical-replication';
import { RowCounter } from './run-spec.ts';
import type { RunSpec } from './run-spec.ts';

/** pg-logical-replication with its pgoutput plugin, rows counted and dropped. Its own acknowledgements are off. */
const spec = JSON.parse(process.argv[2] ?? '') as RunSpec;
const counter = new RowCounter(spec);
const service = new LogicalReplicationService(
  { connectionString: spec.url },
  { acknowledge: { auto: false, timeoutSeconds: 10 } },
);
service.on('data', (_lsn: string, message: { readonly tag: string }) => {
  if (message.tag === 'insert') counter.add(1);
});
const failed = new Promise<never>((_resolve, reject) => service.on('error', reject));
const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: ['millrace'] });
const subscribed = service.subscribe(plugin, spec.slot).then(() => undefined);
const result = await Promise.race([counter.done, failed, subscribed]);
if (result === undefined) throw new Error('the stream ended before its last row');
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
