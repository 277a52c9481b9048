import { expect, test } from 'vitest';
import { answerQuery } from '../../../../processors/engine/inspection/http-queries.ts';
import { StateQueries } from '../../../../processors/engine/inspection/state-queries.ts';
import { testDriver } from '../../../../processors/engine/test-driver.ts';
import { topology } from '../../../../processors/engine/topology.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const users: Topic<string, string> = {
  name: 'users',
  kind: 'table',
  partitions: 1,
  key: 'string',
  value: 'string',
};
const nobody = () => Promise.resolve(null);

const running = () => {
  const driver = testDriver(topology('asked', (builder) => void builder.table(users)));
  driver.pipe(users, 'a/b', 'Ada', { timestamp: 1 });
  const queries = new StateQueries();
  const switches = { committed: true, unready: null as string | null };
  const attached = queries.attach({
    unready: () => switches.unready,
    isCommitted: () => switches.committed,
    state: () => driver.state(),
  });
  const get = (path: string) => answerQuery(queries, nobody, new URL(path, 'http://localhost'));
  return { driver, queries, switches, attached, get };
};

test('a question waits for the commit of what has been processed, and sees what it brought', async () => {
  const { driver, queries, switches, get } = running();
  switches.committed = false;
  let answered = false;
  const answer = get('/state/users/get?key=b').finally(() => (answered = true));
  await Promise.resolve();
  driver.pipe(users, 'b', 'Bob', { timestamp: 2 });
  expect(answered).toBe(false);
  queries.committed();
  expect(await answer).toMatchObject({ status: 200, body: { value: 'Bob' } });
});

test('a question whose commit never comes is refused when the session ends', async () => {
  const { switches, attached, get } = running();
  switches.committed = false;
  const answer = get('/state');
  attached[Symbol.dispose]();
  expect(await answer).toMatchObject({ status: 503, body: { error: 'not_ready' } });
  expect(await get('/state')).toMatchObject({ status: 503 });
});

test('questions that wait are bounded', async () => {
  const { switches, queries, get } = running();
  switches.committed = false;
  const answers = Array.from({ length: 101 }, () => get('/state'));
  expect((await answers.at(-1))?.status).toBe(503);
  queries.committed();
  expect((await answers[0])?.status).toBe(200);
});

test('while tasks are restored there is no answer', async () => {
  const { switches, get } = running();
  switches.unready = 'tasks are being restored';
  expect(await get('/why?key=a')).toMatchObject({
    status: 503,
    body: { message: expect.stringContaining('tasks are being restored') as string },
  });
});

test.each([
  ['/state', 200],
  ['/state/users/get?key=a%2Fb', 200],
  ['/state/users/get?key=x', 404],
  ['/state/users/range', 200],
  ['/state/nothing/get?key=a', 404],
  ['/state/users/drop?key=a', 404],
  ['/state/users', 404],
  ['/state/users/get/more?key=a', 404],
  ['/state/%ff/get?key=a', 400],
  ['/state/users/get', 400],
  ['/state/users/get?key=%22', 400],
  ['/state/users/windows?key=a', 400],
  ['/why', 400],
])('%s is answered with %i', async (path, status) => {
  expect((await running().get(path))?.status).toBe(status);
});

test('other paths are not its business', async () => {
  expect(await running().get('/other')).toBe(null);
});

test('what every object has is no question', async () => {
  const { get } = running();
  for (const verb of ['constructor', 'toString', '__proto__'])
    expect(await get(`/state/users/${verb}`), verb).toMatchObject({
      status: 404,
      body: { error: 'unknown_path' },
    });
});
