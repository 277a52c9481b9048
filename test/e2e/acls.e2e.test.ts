import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { roleSpec, slotName } from '../../infra/local/demo/chain.ts';
import { RoleProcess } from '../../infra/local/demo/role-process.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';
import { Failure } from '../../infra/process/failure.ts';
import { addScramUsers } from '../connectors/kafka/scram-users.ts';
import { PASSWORD, connectSecurely, useSecureKafka } from '../connectors/kafka/secure-kafka.ts';
import { openAcls, printedRights } from '../support/acls.ts';
import { demoPlace } from '../support/demo-place.ts';

const secure = useSecureKafka({ usesAcls: true });

const MILLRACE = fileURLToPath(new URL('../../infra/cli/millrace.ts', import.meta.url));
const TABLES = 'public.orders=public.orders,orders_denorm=public.orders_denorm';
const POLL = { interval: 50, timeout: 60_000 };
const MECHANISM = 'SCRAM-SHA-512';

test('with the ACLs that `millrace acls` prints, and no others, the chain runs and wait_for becomes true; a sink that may not read progress fills its tables and claims nothing', async () => {
  await using demo = await demoPlace('acls');
  const { place, source, target } = demo;
  const { kafka, authority } = secure();
  await using cleanUp = new AsyncDisposableStack();
  const machine = thisMachine();
  const run = cleanUp.adopt(await createRunFolder(machine), (folder) => folder.remove());
  const ca = join(run.path, 'ca.pem');
  await writeFile(ca, authority.certificate);
  const prefix = place.topicPrefix;
  const flags = {
    source: ['--slot-name', slotName(prefix)],
    processor: ['--pipeline', 'orders-denorm'],
    sink: ['--tables', TABLES],
  };
  const rightsOf = (role: keyof typeof flags): ReturnType<typeof printedRights> =>
    printedRights(
      execFileSync(
        process.execPath,
        [
          MILLRACE,
          'acls',
          '--role',
          role,
          '--principal',
          `User:${role}`,
          '--topic-prefix',
          prefix,
          ...flags[role],
        ],
        { encoding: 'utf8' },
      ),
    );
  const open = async (user: string): Promise<void> => {
    await addScramUsers(kafka.brokers.plaintext, [
      { username: user, password: PASSWORD, mechanism: MECHANISM },
    ]);
    const security = {
      tls: { ca: authority.certificate },
      sasl: { mechanism: MECHANISM, username: user, password: PASSWORD },
    } as const;
    for (;;)
      try {
        await using _ = await connectSecurely(kafka.brokers.saslSsl, security);
        return;
      } catch (error) {
        if (!(error instanceof Failure && error.code === 'kafka.authentication')) throw error;
      }
  };
  const start = (role: keyof typeof flags, more: Readonly<Record<string, string>> = {}): RoleProcess => {
    const spec = roleSpec(role === 'processor' ? 'order-fulfilment' : role, {
      ...place,
      kafkaBrokers: kafka.brokers.saslSsl,
    });
    const env = {
      ...spec.env,
      MILLRACE_STATE_DIR: join(run.path, 'state'),
      KAFKA_SECURITY_PROTOCOL: 'SASL_SSL',
      KAFKA_SSL_CA_LOCATION: ca,
      KAFKA_SASL_MECHANISM: MECHANISM,
      KAFKA_SASL_USERNAME: role,
      KAFKA_SASL_PASSWORD: PASSWORD,
      ...(role === 'processor' && { MILLRACE_PIPELINE: 'orders-denorm' }),
      ...(role === 'sink' && { MILLRACE_TABLES: TABLES }),
      ...more,
    };
    return cleanUp.use(new RoleProcess({ ...spec, env }, run, machine));
  };
  const acls = cleanUp.use(await openAcls(kafka.brokers.plaintext, 'User:sink'));
  for (const role of ['source', 'processor'] as const) {
    await open(role);
    await cleanUp.use(await openAcls(kafka.brokers.plaintext, `User:${role}`)).allow(...rightsOf(role));
  }
  await open('sink');
  const sinkRights = rightsOf('sink');
  const ofProgress = sinkRights.filter(([, name]) => typeof name === 'string' && name.endsWith('progress'));
  expect(ofProgress).toHaveLength(2);
  await acls.allow(...sinkRights);

  await source.query(
    `INSERT INTO customers VALUES ('c1', 'Ann', 'Consumer'); INSERT INTO orders VALUES ('o1', '2026-01-01', 'c1', 'West')`,
  );
  const roles = [start('source'), start('processor')];
  const first = start('sink');
  const known = 'SELECT count(lsn)::int AS known FROM millrace.progress';
  const told = async (): Promise<unknown> => {
    for (const role of roles) role.assertRunning();
    return target.query(known).then(({ rows }) => rows, String);
  };
  await expect.poll(told, POLL).toEqual([{ known: 2 }]);
  await source.query(`INSERT INTO orders VALUES ('o2', '2026-01-02', 'c1', 'West')`);
  const { rows: at } = await source.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
  const { rows: reached } = await target.query(
    `SELECT millrace.wait_for('public.orders_denorm', $1, '30 s') AS denorm, millrace.wait_for('public.orders', $1, '30 s') AS orders`,
    [at[0]?.lsn],
  );
  expect(reached).toEqual([{ denorm: true, orders: true }]);
  const names = `SELECT order_id, customer_name FROM orders_denorm ORDER BY 1`;
  expect((await target.query(names)).rows).toEqual([
    { order_id: 'o1', customer_name: 'Ann' },
    { order_id: 'o2', customer_name: 'Ann' },
  ]);

  await acls.withdraw(...ofProgress);
  const expectNothingTold = async (order: string, rows: number): Promise<void> => {
    await source.query(`INSERT INTO orders VALUES ($1, '2026-01-03', 'c1', 'West')`, [order]);
    await expect.poll(() => target.query(names).then((found) => found.rows.length), POLL).toBe(rows);
    await expect.poll(told, POLL).toEqual([{ known: 0 }]);
  };
  await expectNothingTold('o3', 3);
  expect(await first.stop()).toBe(true);
  start('sink');
  await expectNothingTold('o4', 4);
}, 180_000);
