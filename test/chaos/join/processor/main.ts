import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { requiredText } from '../../../../infra/process/role-options.ts';
import { runRole } from '../../../../infra/process/role.ts';
import { PROCESSOR_OPTIONS, runProcessor } from '../../../../processors/processor-role.ts';
import { joinPipeline } from '../pipeline.ts';

/** Connections of this process to others. */
const sockets = new Set<Socket>();
subscribe('net.client.socket', (message) => {
  const { socket } = message as { readonly socket: Socket };
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});

// The faults' way to cut all lines of this process at once.
process.on('SIGUSR2', () => {
  for (const socket of sockets) socket.destroy();
});

/** A processor as it is in production, of the join that chaos tries. */
await runRole(
  {
    name: 'processor',
    command: 'node test/chaos/join/processor/main.ts',
    options: {
      ...PROCESSOR_OPTIONS,
      pipeline: { schema: requiredText, help: 'the name that the pipeline runs under' },
    },
    run: ({ pipeline, ...options }, log, signal) =>
      runProcessor(joinPipeline(pipeline), options, log, signal),
  },
  process.argv.slice(2),
  process.env,
);
