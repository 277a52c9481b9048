import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { connectionFailure } from '../../../connectors/kafka/connection-failure.ts';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { PLAINTEXT } from '../../../connectors/kafka/security.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';

const attempt = {
  security: PLAINTEXT,
  sockets: { answeredByTls: false, inHandshake: false },
  spoken: false,
};

const failureOf = (message: string, code: string) =>
  connectionFailure(Object.assign(new Error(message), { code }), 'Metadata', 'kafka-1:9093', attempt);

test.each([
  ['CERT_HAS_EXPIRED', 'is not valid at this time'],
  ['CERT_NOT_YET_VALID', 'is not valid at this time'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'is signed by an authority that is not trusted here'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'is made out to another host'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', "does not take this client's certificate, or misses one"],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'no TLS connection to'],
])('%s stops the role: %s', (code, message) => {
  const failure = failureOf('told by OpenSSL', code);
  expect(failure).toMatchObject({ code: 'kafka.tls', order: 'stop' });
  expect(failure.message).toContain(message);
  expect(failure.message).toContain('kafka-1:9093');
  expect(failure.fix).not.toBe('');
});

test('a connection that is refused or lost is tried again', () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', ''])
    expect(failureOf('gone', code)).toMatchObject({
      code: 'kafka.connection',
      order: 'retry',
      message: 'Metadata to broker kafka-1:9093 got no answer',
    });
});

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('a server that answers a TLS client in plain text is told from one that is down', async () => {
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const port = await listen(server);
  const options = { brokers: [`127.0.0.1:${port}`], clientId: 'tls', security: { tls: {} } };
  try {
    await expect(connectKafka({ ...options, log: silentLog, clock: systemClock })).rejects.toMatchObject({
      code: 'kafka.tls',
      order: 'stop',
      message: `broker 127.0.0.1:${port} does not speak TLS on this listener`,
    });
  } finally {
    server.close();
  }
});
