import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Connections of this process to others. */
const sockets = new Set<Socket>();
subscribe('net.client.socket', (message) => {
  const { socket } = message as { readonly socket: Socket };
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});

// The faults' way to cut all lines of this process at once. With an error, as the other end's reset has: who holds a
// socket may count on it that he alone ends it in silence.
process.on('SIGUSR2', () => {
  for (const socket of sockets) {
    const reset = { code: 'ECONNRESET', syscall: 'read' };
    socket.destroy(Object.assign(new Error('read ECONNRESET'), reset));
  }
});
