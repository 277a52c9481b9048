import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { lastingPorts } from '../../../../infra/local/free-ports.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const DAY_MS = 86_400_000;
const root = join(import.meta.dirname, '../../../..');
const orderOf = (id: string, day: number) => ({
  key: { order_id: id },
  value: { order_id: id, order_date: day, customer_id: null, region: 'East' },
});

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const ask = async (port: number, path: string): Promise<Answer> => {
  const reply = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
  if (reply === null) return { status: 0, body: {} };
  return { status: reply.status, body: (await reply.json()) as Answer['body'] };
};

test('a running processor tells what it holds and what it waits for, and so it does when it has come back', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orders, topics.shipments, topics.customers] as never, 2);
  await rig.publish(topics.customers, [
    { key: { customer_id: 'c1' }, value: { customer_id: 'c1', name: 'Ada', segment: null } },
  ]);
  await rig.cut();
  const [port = 0] = await lastingPorts(1);
  const options = ['--http-port', String(port)];
  const first = rig.spawn('order-fulfilment', 'a', options);
  await rig.publish(topics.orders, [orderOf('o1', 100)] as never);
  const why = '/why?key=o1';
  const seen = await until(
    () => ask(port, why),
    ({ status, body }) => status === 200 && JSON.stringify(body).includes('buffered'),
  );
  const pending = {
    what: 'buffered',
    side: 'left',
    until: 108 * DAY_MS + 1,
    entry: { key: { order_id: 'o1' }, value: { order_id: 'o1', order_date: 100 } },
  };
  const operators = [{ operator: 'order-shipments', streamTime: 100 * DAY_MS, pending: [pending] }];
  expect(seen.body).toMatchObject({ operators, elsewhere: [] });

  await first.kill();
  rig.spawn('order-fulfilment', 'a', options);
  const again = await until(
    () => ask(port, why),
    ({ status }) => status === 200,
  );
  expect(again.body).toMatchObject({ operators });

  const key = encodeURIComponent('{"customer_id":"c1"}');
  expect(await ask(port, `/state/public.customers-global/get?key=${key}`)).toMatchObject({
    status: 200,
    body: { value: { name: 'Ada' }, task: null },
  });
  expect(await ask(port, '/state/order-shipments-left/windows?key=o1')).toMatchObject({
    status: 200,
    body: { rows: [{ value: { region: 'East' } }] },
  });
  expect((await ask(port, '/state')).body).toMatchObject({ tasks: [{ task: '0_0' }, { task: '0_1' }] });
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['infra/cli/millrace.ts', 'why', 'o1', '--processor-url', `http://127.0.0.1:${port}`],
    { cwd: root },
  );
  expect(stdout).toContain('left buffered');
});

test('of two processors each names the other for the keys that it has not', async () => {
  await using rig = await PipelineRig.open();
  await rig.createTopics([topics.orderLines, topics.customers] as never, 2);
  await rig.cut();
  const ports = await lastingPorts(2);
  const instances = ['a', 'b'] as const;
  const processes = instances.map((name, i) =>
    rig.spawn('customer-revenue', name, ['--http-port', String(ports[i])]),
  );
  await until(
    () => processes.map(({ tasks }) => tasks.length),
    ([a = 0, b = 0]) => a > 0 && b > 0,
  );
  const customers = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6'];
  await rig.publish(
    topics.customers,
    customers.map((id) => ({
      key: { customer_id: id },
      value: { customer_id: id, name: id, segment: null },
    })),
  );
  const holders = await until(
    () =>
      Promise.all(
        customers.map((id) =>
          Promise.all(ports.map((port) => ask(port, `/state/public.customers/get?key=${id}`))),
        ),
      ),
    (answers) => answers.every((pair) => pair.filter(({ status }) => status === 200).length === 1),
  );
  for (const pair of holders) {
    const owner = pair.findIndex(({ status }) => status === 200);
    expect(pair[1 - owner]).toMatchObject({
      status: 404,
      body: { error: 'not_here', instance: { instance: instances[owner] } },
    });
  }
});
