import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

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
