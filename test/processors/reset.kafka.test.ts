import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, inject, test } from 'vitest';
import { applicationNames } from '../../processors/engine/runtime/application-names.ts';
import { resetPipeline } from '../../processors/engine/runtime/reset-pipeline.ts';
import { testDriver } from '../../processors/engine/test-driver.ts';
import { type CartEvent, carts } from '../../processors/pipelines/carts.ts';
import { customerSessions } from '../../processors/pipelines/customer-sessions.ts';
import { decimal } from '../../schemas/decimal.ts';
import { topicName } from '../../schemas/topic.ts';
import { topics } from '../../schemas/topics.ts';
import { PipelineRig, type Result, until } from './engine/pipeline-rig.ts';

const RESET = join(import.meta.dirname, '../../processors/reset.ts');
const stateDir = mkdtempSync(join(tmpdir(), 'millrace-reset-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

/** The command, as an operator types it. */
const reset = (rig: PipelineRig, pipeline: string, ...more: string[]) =>
  promisify(execFile)(
    process.execPath,
    [RESET, '--pipeline', pipeline, '--topic-prefix', rig.prefix, '--state-dir', stateDir, ...more],
    { env: { ...process.env, KAFKA_BOOTSTRAP_SERVERS: inject('kafkaBrokers') } },
  );

type Told = readonly (readonly [cart: string, event: CartEvent])[];

const events = (round: number): Told =>
  ['k0', 'k1', 'k2', 'k3', 'k4'].flatMap((cart) => [
    [cart, { type: 'CartOpened', customerId: `of round ${round}` }] as const,
    [cart, { type: 'ItemAdded', product: 'pen', quantity: round + 1 }] as const,
  ]);

/** What the carts are after all these events: a counter that an event too many or too few would change. */
function oracle(told: Told): ReadonlyMap<string, unknown> {
  const driver = testDriver(carts);
  for (const [cart, event] of told) driver.pipe(topics.cartEvents, cart, JSON.stringify(event));
  return latest(driver.read(topics.carts) as Result<string, unknown>[]);
}

const latest = <K, V>(results: readonly Pick<Result<K, V>, 'key' | 'value'>[]): ReadonlyMap<K, V | null> =>
  new Map(results.map(({ key, value }) => [key, value]));

const ordered = (rows: ReadonlyMap<string, unknown>): string =>
  JSON.stringify([...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)));

async function openRig(): Promise<PipelineRig> {
  const rig = await PipelineRig.open();
  await rig.createTopics([topics.cartEvents, topics.sales] as never, 2);
  await rig.cut();
  return rig;
}

const tell = (rig: PipelineRig, told: Told) =>
  rig.publish(
    topics.cartEvents,
    told.map(([key, event]) => ({ key, value: JSON.stringify(event) })),
  );

/** Runs the pipeline until the carts are these, and gives all results that are there then. */
async function runUntil(rig: PipelineRig, expected: ReadonlyMap<string, unknown>) {
  const running = rig.start(carts);
  const results = await until(
    () => rig.results(topics.carts),
    (seen) => ordered(latest(seen)) === ordered(expected),
  );
  await running.stop();
  return results;
}

/** Everything of the pipeline in Kafka that a reset could touch. */
async function found(rig: PipelineRig) {
  const names = applicationNames(rig.prefix, carts.name);
  const input = topicName(rig.prefix, topics.cartEvents);
  const partitions = [0, 1].map((partition) => ({ topic: input, partition }));
  return {
    offsets: await rig.kafka.committedOffsets(names.applicationId, partitions),
    topics: await rig.kafka.existingTopics([
      names.changelog('cart'),
      names.resetMark,
      topicName(rig.prefix, topics.carts),
    ]),
  };
}

test('a dry run changes nothing; a reset pipeline begins from zero and comes to the same table', async () => {
  await using rig = await openRig();
  const names = applicationNames(rig.prefix, carts.name);
  const first = events(0);
  await tell(rig, first);
  const before = (await runUntil(rig, oracle(first))).length;
  const [own, other] = [join(stateDir, names.applicationId), join(stateDir, `${names.applicationId}-more`)];
  for (const directory of [own, other]) mkdirSync(directory);
  writeFileSync(join(own, 'state'), 'old');

  const then = await found(rig);
  expect(then.offsets).not.toEqual([null, null]);
  const { stdout: shown } = await reset(rig, 'carts');
  expect(shown).toContain(`delete changelog topic ${names.changelog('cart')}\n`);
  expect(shown).toContain(`forget offset ${then.offsets[0]} of ${rig.prefix}.outbox.event.cart-0\n`);
  expect(shown).toContain(`delete directory ${own}\n`);
  expect(shown).toContain(`keep result topic ${rig.prefix}.carts`);
  expect(shown).toContain('this was a dry run');
  expect((await reset(rig, 'carts', '--dry-run')).stdout).toBe(shown);
  expect(await found(rig)).toEqual(then);
  expect(existsSync(own)).toBe(true);

  const { stdout: done } = await reset(rig, 'carts', '--execute');
  expect(done).toContain(`deleted topic ${names.changelog('cart')}\n`);
  expect(await found(rig)).toEqual({ offsets: [null, null], topics: [topicName(rig.prefix, topics.carts)] });
  expect([existsSync(own), existsSync(other)]).toEqual([false, true]);

  const all = [...first, ...events(1)];
  await tell(rig, events(1));
  const after = await runUntil(rig, oracle(all));
  // Told again from the first event on: by offsets and state that had stayed they would not be, or be counted twice.
  expect(after.length).toBe(before + all.length);
});

test('with --results the table is made anew too, and a second reset finds what the replay has left', async () => {
  await using rig = await openRig();
  const told = events(0);
  await tell(rig, told);
  await runUntil(rig, oracle(told));
  const { stdout } = await reset(rig, 'carts', '--results', '--execute');
  expect(stdout).toContain(`deleted topic ${rig.prefix}.carts\n`);
  expect(await found(rig)).toEqual({ offsets: [null, null], topics: [] });
  expect((await reset(rig, 'carts', '--results', '--execute')).stdout).toContain('nothing to reset');
  expect(await runUntil(rig, oracle(told))).toHaveLength(told.length);
});

test('what the results stood for is taken back', async () => {
  await using rig = await openRig();
  const { resultProgress } = applicationNames(rig.prefix, carts.name);
  await tell(rig, events(0));
  const running = rig.start(carts);
  await rig.cut([topics.cartEvents] as never, Date.now());
  const said = await until(
    () => rig.records(resultProgress),
    ({ length }) => length > 0,
  );
  expect(String(said[0]?.value)).toContain(`"${rig.prefix}.carts":[`);
  await running.stop();
  const { stdout } = await reset(rig, 'carts', '--execute');
  expect(stdout).toContain('took back what the results stood for\n');
  expect((await rig.records(resultProgress)).at(-1)).toMatchObject({ key: said[0]?.key, value: null });
});

test('a pipeline at work is not reset, and goes on', async () => {
  await using rig = await openRig();
  const running = rig.start(carts);
  await tell(rig, events(0));
  await until(
    () => rig.results(topics.carts),
    (seen) => seen.length === 10,
  );
  const then = await found(rig);
  expect((await reset(rig, 'carts')).stdout).toMatch(/group .*-carts: 1 member\(s\): /);
  await expect(reset(rig, 'carts', '--execute')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is at work: 1 member.*\n {2}fix: stop them/) as string,
  });
  expect((await found(rig)).topics).toEqual(then.topics);
  await tell(rig, events(1));
  const expected = oracle([...events(0), ...events(1)]);
  await until(
    () => rig.results(topics.carts),
    (seen) => seen.length === 20,
  );
  expect(latest(await rig.results(topics.carts))).toEqual(expected);
  await running.stop();
});

test('a reset that is interrupted keeps the pipeline from starting, and goes on when it is called again', async () => {
  await using rig = await openRig();
  const names = applicationNames(rig.prefix, carts.name);
  const told = events(0);
  await tell(rig, told);
  await runUntil(rig, oracle(told));
  const interrupted = { ...rig.kafka, deleteGroup: () => Promise.reject(new Error('interrupted')) };
  const request = { plan: carts.plan, names, results: false, stateDir: null, isThere: async () => false };
  const actions = { deleteDirectory: async () => {}, onDone: () => undefined, now: Date.now };
  await expect(resetPipeline(interrupted, request, actions)).rejects.toThrow('interrupted');
  expect((await found(rig)).offsets).not.toEqual([null, null]);
  await expect(rig.start(carts).ended).rejects.toMatchObject({
    code: 'engine.reset_unfinished',
    order: 'stop',
  });
  expect((await found(rig)).topics).not.toContain(names.changelog('cart'));
  const { stdout } = await reset(rig, 'carts', '--execute');
  expect(stdout).toContain('an earlier reset was interrupted');
  expect((await found(rig)).offsets).toEqual([null, null]);
  expect((await found(rig)).topics).not.toContain(names.resetMark);
  await runUntil(rig, oracle([...told]));
});

test('repartition topics go too', async () => {
  await using rig = await openRig();
  const sale = { line_id: 1, customer_id: 'c', quantity: 1, sales: decimal('1.0000'), __op: 'c' };
  const running = rig.start(customerSessions);
  await rig.publish(topics.sales, [{ key: { line_id: 1 }, value: sale }]);
  const names = applicationNames(rig.prefix, customerSessions.name);
  const internal = [names.repartition('by-customer'), names.changelog('session')];
  await until(
    () => rig.records(names.changelog('session')),
    (seen) => seen.length > 0,
  );
  await running.stop();
  const { stdout } = await reset(rig, 'customer-sessions', '--execute');
  expect(stdout).toContain(`delete repartition topic ${internal[0]}\n`);
  expect(stdout).toMatch(/forget offset \d+ of .*-by-customer-repartition-/);
  expect(await rig.kafka.existingTopics(internal)).toEqual([]);
});
