import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Failure } from './failure.ts';
import type { Metrics } from './metrics.ts';

/** Why the process may not take traffic yet, or null when it may. Liveness never asks other systems. */
export type Readiness = () => string | null;

export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

interface HttpServerOptions {
  /** 0 takes a free port. */
  readonly port: number;
  readonly host: string;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Further paths, each answered with a value as JSON. */
  readonly pages?: Readonly<Record<string, () => unknown>>;
  /** Asked for the answer to a GET of any other path; null where there is none. */
  readonly answer?: (url: URL) => Promise<HttpAnswer | null>;
}

export interface HttpAnswer {
  /** HTTP status. */
  readonly status: number;
  /** Sent as JSON. */
  readonly body: unknown;
}

/**
 * `/healthz` (the process lives), `/readyz` (assigned, restored, making progress), `/metrics`.
 * @throws Failure `config.http_port` (stop) when nothing can listen there
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const reply = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/healthz') return reply(200, 'ok\n');
    if (path === '/readyz') {
      const reason = options.readiness();
      return reason === null ? reply(200, 'ready\n') : reply(503, `not ready: ${reason}\n`);
    }
    if (path === '/metrics') {
      options.metrics.text().then(
        (text) => reply(200, text, options.metrics.registry.contentType),
        (error: unknown) => reply(500, String(error)),
      );
      return;
    }
    const { pages = {} } = options;
    const page = Object.hasOwn(pages, path ?? '') ? pages[path ?? ''] : undefined;
    if (page !== undefined) return reply(200, `${JSON.stringify(page())}\n`, 'application/json');
    const notFound = (): void => reply(404, 'not found: /healthz, /readyz or /metrics\n');
    if (options.answer === undefined) return notFound();
    if (request.method !== 'GET') return reply(405, 'only GET\n');
    const url = URL.parse(request.url ?? '/', 'http://localhost');
    if (url === null) return reply(400, 'no path\n');
    options.answer(url).then(
      (answer) =>
        answer === null
          ? notFound()
          : reply(answer.status, `${JSON.stringify(answer.body)}\n`, 'application/json'),
      // What the error says may quote a row.
      () => reply(500, 'the question cannot be answered\n'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(notListening(error, options)));
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function notListening(error: Error, { port, host }: HttpServerOptions): Failure {
  return new Failure('config.http_port', 'stop', `the HTTP server cannot listen on port ${port} of ${host}`, {
    cause: error,
    fix: 'choose another --http-port (0 takes a free one), or another --http-host',
  });
}
