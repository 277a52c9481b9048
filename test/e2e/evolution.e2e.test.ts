import { expect, test } from 'vitest';
import type { RoleProcess } from '../../infra/local/demo/role-process.ts';
import { type EvolvingPlace, PRESENT, evolvingPlace } from './evolving-place.ts';
import { COPIED_TABLES } from './evolving-shop.ts';
import { type NextVersion, nextVersion } from './next-version.ts';

const RESULT = 'schemas/superstore/order-denorm.avsc';
const CUSTOMER = 'schemas/superstore/customer.avsc';
const PIPELINE = 'processors/pipelines/orders-denorm.ts';
const SCHEMAS = 'schemas/main.ts';
const PLAN = 'processors/plan.ts';
const RESET = 'processors/reset.ts';

const COMES_MAX_MS = 60_000;
/** Each look at whether the group is empty is a process. */
const RESET_EVERY_MS = 2_000;
const TEST_MAX_MS = 300_000;

type Pair = readonly [RoleProcess, RoleProcess];

/** In an .avsc file. */
const field = (name: string, type: string): string =>
  `{ "name": "${name}", "type": ["null", "${type}"], "default": null },`;

const done = (text: string) => ({ code: 0, text: expect.stringContaining(text) as unknown });

/** Of a table that is copied, and read by a pipeline whose version stays the same. */
async function columnsChange({ source, target, quiet, backfill }: EvolvingPlace): Promise<void> {
  await source.query('ALTER TABLE orders ADD COLUMN priority integer DEFAULT 7');
  // Rows from before have the default by the catalog of the source alone: no event tells it.
  await backfill('public.orders');
  await quiet();

  await source.query('ALTER TABLE orders ALTER COLUMN priority TYPE bigint');
  await source.query(`UPDATE orders SET priority = 5000000000 WHERE order_id = 'old1'`);
  await quiet();

  await source.query('ALTER TABLE orders RENAME COLUMN priority TO urgency');
  await backfill('public.orders');
  await quiet();

  await source.query('ALTER TABLE orders DROP COLUMN urgency');
  await source.query(`UPDATE orders SET region = 'North' WHERE order_id = 'old1'`);
  await quiet(async () => {
    const { rows } = await target.query(`SELECT * FROM orders WHERE order_id = 'old1'`);
    expect(rows).toMatchObject([{ region: 'North', priority: '5000000000', urgency: '5000000000' }]);
  });
  await target.query('ALTER TABLE orders DROP COLUMN priority, DROP COLUMN urgency');
  await quiet();
}

/** The next version tells a field more, and knows a column also by the name that it will have. */
async function versionsSideBySide(
  place: EvolvingPlace,
  { root, edit }: NextVersion,
  [first, second]: Pair,
): Promise<Pair> {
  const { target, claims, quiet, command, startProcessor } = place;
  await edit(RESULT, '"fields": [', `"fields": [${field('label', 'string')}`);
  await edit(CUSTOMER, '"name": "segment",', '"name": "segment", "aliases": ["market"],');
  await edit(
    PIPELINE,
    'region: order.region,',
    'region: order.region, label: `${order.region}: ${customer.name}`,',
  );
  expect(await command(root, SCHEMAS, 'types')).toEqual({ code: 0, text: '' });
  const gates = [
    command(root, SCHEMAS, 'check', '--against', 'git:HEAD'),
    command(root, SCHEMAS, 'check'),
    command(root, PLAN, 'diff'),
    place.refusal(startProcessor(root, '2')),
  ];
  expect(await Promise.all(gates)).toEqual([
    done('.orders_denorm-value  FULL_TRANSITIVE with HEAD'),
    done('.orders_denorm-value  FULL_TRANSITIVE with version 1'),
    done('compatible: '),
    expect.stringContaining('registry.not_registered'),
  ]);
  expect(await command(root, SCHEMAS, 'register')).toMatchObject({ code: 0 });

  await place.stop(second);
  const next = startProcessor(root, '1');
  const byVersion = async (): Promise<unknown> => {
    const sql = `SELECT label IS NOT NULL AS new, bool_and(coalesce(label = region || ': ' || customer_name, true)) AS right
      FROM orders_denorm GROUP BY 1 ORDER BY 1`;
    return (await target.query(sql)).rows;
  };
  const both = [
    { new: false, right: true },
    { new: true, right: true },
  ];
  await expect.poll(() => byVersion().catch(String), { timeout: COMES_MAX_MS }).toEqual(both);
  await quiet(async () => expect(await byVersion()).toEqual(both));
  await place.stop(first);
  const last = startProcessor(root, '0');
  await quiet();
  // Rows that the old version has told last are told again.
  await place.backfill('public.orders');
  claims.results.set('label', `region || ': ' || name`);
  await quiet();
  return [last, next];
}

async function columnThatIsReadIsRenamed({ source, claims, quiet, backfill }: EvolvingPlace): Promise<void> {
  await source.query('ALTER TABLE customers RENAME COLUMN segment TO market');
  claims.segment = 'market';
  await backfill('public.customers');
  await quiet();
}

/** What a step stores of a table gets a field more: the state is built anew. */
async function stateChanges(
  place: EvolvingPlace,
  { root, edit }: NextVersion,
  processors: Pair,
): Promise<void> {
  const { source, claims, command } = place;
  await source.query('ALTER TABLE customers ADD COLUMN tier integer');
  await source.query('UPDATE customers SET tier = length(name)');
  await edit(RESULT, '"fields": [', `"fields": [${field('tier', 'int')}`);
  await edit(CUSTOMER, '"fields": [', `"fields": [${field('tier', 'int')}`);
  await edit(PIPELINE, 'region: order.region,', 'region: order.region, tier: customer.tier,');
  expect(await command(root, SCHEMAS, 'types')).toEqual({ code: 0, text: '' });
  expect(await Promise.all([command(root, PLAN, 'diff'), command(root, SCHEMAS, 'register')])).toEqual([
    { code: 2, text: expect.stringContaining('has a new field tier') as unknown },
    done(''),
  ]);
  for (const processor of processors) await place.stop(processor);
  // A static member is one until its session is over.
  const reset = () => command(root, RESET, '--execute');
  await expect
    .poll(reset, { timeout: COMES_MAX_MS, interval: RESET_EVERY_MS })
    .toEqual(done('begins with the first record'));
  for (const instance of ['0', '1']) place.startProcessor(root, instance);
  claims.results.set('tier', 'tier');
  await place.quiet();
}

/** Nothing breaks: what reads it goes on with the default, and that is told. */
async function columnThatIsReadGoes(place: EvolvingPlace): Promise<void> {
  await place.source.query('ALTER TABLE customers DROP COLUMN market');
  place.claims.segment = 'NULL::text';
  await place.backfill('public.customers');
  await place.quiet();
  const logs = await Promise.all(['processor-0', 'processor-1'].map((name) => place.logOf(name)));
  const told = /"fields":\["segment"\].*the newest schema of the topic does not have these fields/;
  expect(told.test(logs.join('\n'))).toBe(true);
}

async function resultThatBreaksIsRefused(place: EvolvingPlace, { root, edit }: NextVersion): Promise<void> {
  const { command } = place;
  await edit(RESULT, field('label', 'string'), field('label', 'int'));
  expect(await command(root, SCHEMAS, 'types')).toEqual({ code: 0, text: '' });
  const gates = [
    command(root, SCHEMAS, 'check'),
    command(root, SCHEMAS, 'register'),
    place.refusal(place.startProcessor(root, '2', { MILLRACE_AUTO_REGISTER_SCHEMAS: 'true' })),
  ];
  const broken =
    /✗ \S+\.orders_denorm-value {2}not FULL_TRANSITIVE with version 1 to version 3\n {2}\S+order-denorm\.avsc:\d+ {2}MISSING_UNION_BRANCH/;
  expect(await Promise.all(gates)).toEqual([
    { code: 2, text: expect.stringMatching(broken) as unknown },
    { code: 2, text: expect.stringMatching(broken) as unknown },
    expect.stringContaining('registry.incompatible'),
  ]);
  await edit(RESULT, field('label', 'int'), field('label', 'string'));
  const note = 'field segment is read as its default: version 4, the newest, does not have it';
  expect(await command(root, SCHEMAS, 'check')).toEqual(done(note));
  await place.quiet();
}

/** One table for each policy of the source. */
async function shapesThatBreakAreRefused(
  place: EvolvingPlace,
  source: RoleProcess,
  sink: RoleProcess,
): Promise<void> {
  const { claims, quiet } = place;
  for (const table of COPIED_TABLES) {
    await place.source.query(`ALTER TABLE ${table} ALTER COLUMN code TYPE integer USING code::integer`);
    claims.copies.delete(table);
  }
  const metrics = () => source.metrics();
  await expect
    .poll(metrics, { timeout: COMES_MAX_MS })
    .toMatch(/millrace_rows_skipped_total\{schema="public",table="invoices"\} [1-9]/);
  await expect
    .poll(metrics, { timeout: COMES_MAX_MS })
    .toMatch(/millrace_dlq_records_total\{schema="public",table="returns"\} [1-9]/);
  await quiet();
  expect(await place.reached('invoices', '0.3 s')).toBe(false);

  await place.stop(sink);
  place.startSink('public.parcels.v2=public.parcels_v2');
  for (const table of ['invoices', 'returns']) {
    await place.source.query(`ALTER TABLE ${table} ALTER COLUMN code TYPE text`);
    claims.copies.set(table, table);
  }
  await place.backfill('public.returns');
  claims.copies.set('parcels_v2', 'parcels');
  await quiet();
}

test(
  'schemas evolve while data flow, versions run side by side, what does not fit is refused, and the tables are right',
  async () => {
    await using place = await evolvingPlace();
    await using next = await nextVersion();
    expect(await place.command(PRESENT, SCHEMAS, 'register')).toMatchObject({ code: 0 });
    const source = place.startSource();
    const old = [place.startProcessor(PRESENT, '0'), place.startProcessor(PRESENT, '1')] as const;
    const sink = place.startSink();
    await place.known(place.claims.copies.size + 1);
    await place.quiet();

    await columnsChange(place);
    const fresh = await versionsSideBySide(place, next, old);
    await columnThatIsReadIsRenamed(place);
    await stateChanges(place, next, fresh);
    await columnThatIsReadGoes(place);
    await resultThatBreaksIsRefused(place, next);
    await shapesThatBreakAreRefused(place, source, sink);
  },
  TEST_MAX_MS,
);
