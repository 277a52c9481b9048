import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Security } from './security.ts';

const KEEP_ALIVE_DELAY_MS = 30_000;

/**
 * What plaintext sockets read into, all of them: a read is taken over before the next one begins. A buffer for each read
 * would be garbage as soon as it is copied.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

/** The first byte of a TLS alert, and the major version that every TLS version writes after it. */
const TLS_ALERT = 0x15;
const TLS_MAJOR = 0x03;

interface SocketTarget {
  readonly host: string;
  readonly port: number;
  readonly onConnect: () => void;
}

/** Opens the sockets to one broker, and remembers what tells why one could not be used. */
export interface BrokerSockets {
  /** `onConnect` is called when the socket may be written to: after the handshake, with TLS. */
  readonly open: (target: SocketTarget) => Socket;
  /** A plaintext socket was answered by TLS. */
  answeredByTls: boolean;
  /** A TLS handshake has been begun, and none was ever finished. */
  inHandshake: boolean;
}

/**
 * kafkajs sets no TCP_NODELAY, without which a small request waits for the acknowledgement of the one before, and
 * tells little of a TLS handshake that fails.
 */
export function brokerSockets({ tls }: Pick<Security, 'tls'>): BrokerSockets {
  const sockets: BrokerSockets = {
    answeredByTls: false,
    inHandshake: tls !== null,
    open: ({ host, port, onConnect }) => {
      if (tls === null) return openPlaintext({ host, port, onConnect }, sockets);
      const socket = connectTls({
        host,
        port,
        secureContext: tls.context,
        // Names of hosts only (RFC 6066 3).
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(tls.verifyHostname ? {} : { checkServerIdentity: () => undefined }),
      });
      socket.once('secureConnect', () => {
        sockets.inHandshake = false;
        onConnect();
      });
      return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    },
  };
  return sockets;
}

function openPlaintext({ host, port, onConnect }: SocketTarget, sockets: BrokerSockets): Socket {
  const socket: Socket = connect(
    {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      onread: {
        buffer: READ_BUFFER,
        callback: (length: number): boolean => socket.emit('data', READ_BUFFER.subarray(0, length)),
      },
    },
    onConnect,
  );
  socket.once('data', (answer: Buffer) => {
    // As the length of a Kafka answer it would be 353 MB.
    sockets.answeredByTls = answer[0] === TLS_ALERT && answer[1] === TLS_MAJOR;
  });
  return socket;
}
