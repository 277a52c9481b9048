import pg from 'pg';
import { Failure } from '../process/failure.ts';
import { askKafka } from './kafka-metadata.ts';
import type { Provider, Stack, StackRequest } from './stack.ts';

const ANSWER_MAX_MS = 5_000;

type Urls = NonNullable<StackRequest['external']>;

/** Servers that somebody else runs: asked whether they will do, and never stopped. */
export function externalProvider(): Provider {
  return {
    name: 'external',
    unavailable: async () => null,
    async start({ external, onProgress }) {
      if (external === undefined)
        throw new Failure(
          'local.external_missing',
          'stop',
          'external servers are asked for, but no URLs are given',
          {
            fix: 'give all four: Kafka brokers, registry, source and target Postgres (MILLRACE_EXTERNAL_*)',
          },
        );
      await verify(external);
      onProgress('the external postgres, kafka and schema registry answer');
      return joined(external);
    },
  };
}

function joined(urls: Urls): Stack {
  return { provider: 'external', ...urls, logs: null, [Symbol.asyncDispose]: async () => undefined };
}

/** @throws Failure `local.external_unfit` that lists every server that does not answer as it should */
async function verify(urls: Urls): Promise<void> {
  const checks = await Promise.allSettled([
    verifySource(urls.sourceUrl),
    askPostgres('target Postgres', urls.targetUrl),
    verifyKafka(urls.kafkaBrokers),
    verifyRegistry(urls.registryUrl),
  ]);
  const problems = checks
    .filter((check) => check.status === 'rejected')
    .map(({ reason }) => (reason as Error).message);
  if (problems.length > 0)
    throw new Failure(
      'local.external_unfit',
      'stop',
      `external servers that will not do:\n  ${problems.join('\n  ')}`,
      {
        fix: 'see that they run, that the URLs are right, and that this machine reaches them',
      },
    );
}

async function verifySource(url: string): Promise<void> {
  const level = await askPostgres('source Postgres', url);
  if (level !== 'logical')
    throw new Error(
      `source Postgres ${hostOf(url)} has wal_level=${level}; set wal_level=logical and restart it`,
    );
}

/** @returns its wal_level */
async function askPostgres(name: string, url: string): Promise<string> {
  let client: pg.Client | undefined;
  try {
    client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ANSWER_MAX_MS });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ wal_level: string }>('SHOW wal_level');
    return rows[0]?.wal_level ?? 'unknown';
  } catch (error) {
    throw new Error(`${name} ${hostOf(url)} does not answer: ${textOf(error)}`, { cause: error });
  } finally {
    await client?.end();
  }
}

async function verifyKafka(brokers: string): Promise<void> {
  const refusals: string[] = [];
  for (const broker of brokers.split(',')) {
    const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(broker.trim()) ?? [];
    try {
      if (port === undefined) throw new Error('not of the form host:port');
      await askKafka(host, Number(port));
      return;
    } catch (error) {
      refusals.push(`${broker.trim()} ${textOf(error)}`);
    }
  }
  throw new Error(`Kafka does not answer: ${refusals.join('; ')}`);
}

async function verifyRegistry(url: string): Promise<void> {
  const address = `${url.replace(/\/$/, '')}/subjects`;
  let problem: string;
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MAX_MS) });
    if (response.ok && Array.isArray(await response.json())) return;
    problem = `status ${response.status}, no list of subjects; is this the base URL of a Confluent-compatible API?`;
  } catch (error) {
    problem = textOf(error);
  }
  throw new Error(`the schema registry does not answer at ${address}: ${problem}`);
}

/** The URL may hold a password, which belongs into no message. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : '(not a URL)';
}

/** fetch tells the reason in its cause only, and several refused addresses come without a text of their own. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause instanceof Error ? error.cause : error;
  const code = 'code' in inner ? String(inner.code) : '';
  return inner.message === '' ? code : inner.message;
}
