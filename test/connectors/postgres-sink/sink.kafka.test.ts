import { expect, test } from 'vitest';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import { STREAM_CONFIG } from '../../../schemas/topic.ts';
import { KEY, type SinkFixture, VALUE, createSinkFixture } from './sink-fixture.ts';
import { startCommitEater } from './commit-eater.ts';
import { allRounds, audit, expectWrittenOnce, round, roundsIn, versions } from './write-audit.ts';
import type { Entry, TopicWriter } from './topic-writer.ts';

const PRICE: AvroSchema = { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 };
const MICROS: AvroSchema = { type: 'long', logicalType: 'timestamp-micros' };
/** What -0.05 and the microsecond before 1970 are in the target. */
const PRICE_AND_TIME = ['-0.05', '1969-12-31 23:59:59.999999'];

const POLL = { interval: 20, timeout: 30_000 };

async function expectRounds(fixture: SinkFixture, version: number): Promise<void> {
  await expect.poll(() => roundsIn(fixture.target), POLL).toEqual(allRounds(version));
}

/** Writes rounds `from` to `to` one after the other; `between` runs after each. */
async function stream(
  writer: TopicWriter,
  from: number,
  to: number,
  between: () => Promise<void>,
): Promise<void> {
  for (let version = from; version <= to; version++) {
    await writer.write(round(version));
    await between();
  }
}

test('tables hold the last value of each key; tombstones delete; the group shows no lag; latency is measured', async () => {
  const fixture = await createSinkFixture();
  const cdc = await fixture.writer('orders', 3, {
    key: KEY,
    value: {
      type: 'record',
      name: 'Value',
      fields: [
        ...VALUE.fields,
        { name: 'note', type: ['null', 'string'], default: null },
        { name: 'price', type: ['null', PRICE], default: null, 'pg.type': 'numeric(12,2)' },
        { name: 'at', type: ['null', MICROS], default: null },
        ...CHANGE_EVENT_FIELDS,
      ],
    },
  });
  const result = await fixture.writer('totals', 2, { key: 'string', value: VALUE });
  const row = (id: number, version: number, note: string | null, unchanged: string[] = []): Entry => [
    { id },
    {
      id,
      version,
      note,
      price: { unscaled: -5n, scale: 2 },
      at: -1n,
      __op: 'u',
      __commit_ts: 0n,
      __lsn: 0n,
      __seq: 0n,
      __xid: 0n,
      __unchanged: unchanged,
    },
  ];
  await cdc.write([1, 2, 3, 4, 5].map((id) => row(id, 1, `note ${id}`)));
  await cdc.write([[{ id: 2 }, null], row(3, 2, null, ['note']), row(4, 2, null)]);
  await result.write([
    ['a', { id: 1, version: 10 }],
    ['b', { id: 2, version: 20 }],
    ['a', { id: 3, version: 30 }],
  ]);
  const sink = await fixture.start(['orders', 'totals']);
  await expect
    .poll(
      () =>
        fixture.target
          .rows(`SELECT id, version, note, price, at AT TIME ZONE 'UTC' FROM orders ORDER BY id`)
          .catch(() => []),
      POLL,
    )
    .toEqual([
      ['1', '1', 'note 1', ...PRICE_AND_TIME],
      ['3', '2', 'note 3', ...PRICE_AND_TIME],
      ['4', '2', null, ...PRICE_AND_TIME],
      ['5', '1', 'note 5', ...PRICE_AND_TIME],
    ]);
  await expect
    .poll(() => fixture.target.rows('SELECT * FROM totals ORDER BY key').catch(() => []), POLL)
    .toEqual([
      ['a', '3', '30'],
      ['b', '2', '20'],
    ]);
  expect(sink.readiness()).toBeNull();
  const partitions = [0, 1, 2].map((partition) => ({ topic: cdc.topic, partition }));
  const ends = await fixture.kafka.listOffsets(partitions, 'high-watermark');
  await expect
    .poll(() => fixture.kafka.committedOffsets(`${fixture.prefix}-sink`, partitions), POLL)
    .toEqual(ends);
  const text = await sink.metrics.text();
  expect(text).toContain('millrace_sink_rows_total{table="public.orders",op="delete"} 1');
  expect(text).toContain('millrace_record_e2e_latency_seconds_count{table="public.totals"} 3');
  await sink.stop();
});

test('a table is there before its first record', async () => {
  const fixture = await createSinkFixture();
  await fixture.writer('t');
  await fixture.start(['t']);
  await expect
    .poll(() => fixture.target.rows('SELECT id, version FROM t').catch(() => null), POLL)
    .toEqual([]);
});

test('a new field becomes a column before the rows that carry it', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t');
  await writer.write(versions(1, 3));
  await fixture.start(['t']);
  await expect.poll(() => fixture.target.rows('SELECT id FROM t').catch(() => []), POLL).toHaveLength(3);
  await writer.evolve({
    ...VALUE,
    fields: [...VALUE.fields, { name: 'extra', type: ['null', 'string'], default: null }],
  });
  await writer.write([[{ id: 1 }, { id: 1, version: 2, extra: 'more' }]]);
  await expect
    .poll(() => fixture.target.rows('SELECT id, version, extra FROM t ORDER BY id').catch(() => []), POLL)
    .toEqual([
      ['0', '1', null],
      ['1', '2', 'more'],
      ['2', '1', null],
    ]);
});

test('a sink that is stopped and started goes on where it was', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t');
  for (let run = 0; run < 4; run++) {
    const sink = await fixture.start(['t'], { bounds: { rowsMax: 7, bytesMax: 1_000_000 } });
    await stream(writer, run * 5 + 1, run * 5 + 5, () => Promise.resolve());
    if (run === 3) await expectRounds(fixture, 20);
    await sink.stop();
  }
  await expectWrittenOnce(fixture.target);
});

test('two sinks share the partitions, and the one that is left takes all', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t', 4);
  // small batches, so that a rebalance finds fetched records that are not written yet
  const bounds = { rowsMax: 3, bytesMax: 1_000_000 };
  const first = await fixture.start(['t'], { bounds });
  await expect.poll(first.readiness, POLL).toBeNull();
  const second = await fixture.start(['t'], { bounds });
  let running = stream(writer, 1, 10, () => Promise.resolve());
  // the second has taken partitions over when epochs differ
  const claims = 'SELECT count(*) FROM millrace.sink_offsets WHERE epoch > 1';
  await expect.poll(async () => (await fixture.target.rows(claims))[0]?.[0], POLL).not.toBe('0');
  await running;
  await expectRounds(fixture, 10);
  running = stream(writer, 11, 20, () => Promise.resolve());
  await first.stop();
  await running;
  await expectRounds(fixture, 20);
  expect(await second.metrics.text()).toMatch(/millrace_sink_rows_total\{table="public.t",op="upsert"\} \d+/);
  await second.stop();
  await expectWrittenOnce(fixture.target);
});

test('sessions that the server ends at any moment cost no row and double none', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t');
  const sink = await fixture.start(['t'], { bounds: { rowsMax: 3, bytesMax: 1_000_000 } });
  await expect.poll(sink.readiness, POLL).toBeNull();
  await stream(writer, 1, 25, async () => {
    await fixture.target.client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'millrace-sink:%'`,
    );
  });
  await expectRounds(fixture, 25);
  await sink.stop();
  await expectWrittenOnce(fixture.target);
});

test('a COMMIT whose answer is lost is neither repeated nor forgotten', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t');
  await using proxy = await startCommitEater(fixture.target.url);
  const sink = await fixture.start(['t'], {
    databaseUrl: proxy.url,
    bounds: { rowsMax: 10, bytesMax: 1_000_000 },
  });
  await expect.poll(sink.readiness, POLL).toBeNull();
  for (let version = 1; version <= 5; version++) {
    proxy.eatNext();
    await writer.write(round(version));
    await expect.poll(proxy.eaten, POLL).toBe(version);
    await expectRounds(fixture, version);
  }
  await sink.stop();
  await expectWrittenOnce(fixture.target);
});

test('a fenced sink drops its batch, joins again and goes on', async () => {
  const fixture = await createSinkFixture();
  await audit(fixture.target);
  const writer = await fixture.writer('t');
  const sink = await fixture.start(['t']);
  await writer.write(round(1));
  await expectRounds(fixture, 1);
  await fixture.target.client.query('UPDATE millrace.sink_offsets SET epoch = epoch + 1');
  await writer.write(round(2));
  await expectRounds(fixture, 2);
  expect(await fixture.target.rows('SELECT min(epoch) FROM millrace.sink_offsets')).toEqual([['3']]);
  await sink.stop();
  await expectWrittenOnce(fixture.target);
});

test('a record that cannot be decoded stops the sink and is named; nothing after it is skipped', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t', 1);
  await writer.write(versions(1, 2));
  await writer.writeRaw(Buffer.from('no frame'), Buffer.from('no frame'));
  const sink = await fixture.start(['t']);
  await expect(sink.ended).rejects.toMatchObject({
    code: 'sink.poison',
    message: expect.stringMatching(/record at offset 3 of sink-\w+\.t, partition 0,/),
  });
  // two records and the marker of their transaction are offsets 0 to 2
  const [stored] = await fixture.target.rows('SELECT next_offset FROM millrace.sink_offsets');
  expect(Number(stored?.[0])).toBeLessThanOrEqual(3);
});

test('a record without a key stops the sink', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t', 1, undefined, STREAM_CONFIG);
  await writer.writeRaw(null, Buffer.from('x'));
  const sink = await fixture.start(['t']);
  await expect(sink.ended).rejects.toMatchObject({ code: 'sink.no_key' });
});

test('a row that the target refuses stops the sink with its offsets, and nothing of its batch is kept', async () => {
  const fixture = await createSinkFixture();
  await fixture.target.client.query(
    'CREATE TABLE t (id integer PRIMARY KEY, version integer CHECK (version < 5))',
  );
  const writer = await fixture.writer('t', 1);
  await writer.write([...versions(1, 3), [{ id: 9 }, { id: 9, version: 5 }]]);
  const sink = await fixture.start(['t']);
  await expect(sink.ended).rejects.toMatchObject({
    code: 'sink.rejected',
    message: expect.stringMatching(/\.t\/0 0\.\.\d \(SQLSTATE 23514\)/),
  });
  expect(await fixture.target.rows('SELECT count(*) FROM t')).toEqual([['0']]);
});

test('a stored offset that the topic does not reach stops the sink: the topic was made anew', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t', 1);
  await writer.write(versions(1));
  const sink = await fixture.start(['t']);
  await expect
    .poll(() => fixture.target.rows('SELECT count(*) FROM t').catch(() => null), POLL)
    .toEqual([['40']]);
  await sink.stop();
  await fixture.target.client.query('UPDATE millrace.sink_offsets SET next_offset = 1000');
  const again = await fixture.start(['t']);
  await expect(again.ended).rejects.toMatchObject({
    code: 'sink.offset_out_of_log',
    message: expect.stringContaining('the target stands at 1000'),
  });
});

test('a topic that is mapped to another table under the same sink name stops the sink', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t', 1);
  await writer.write(versions(1));
  const sink = await fixture.start(['t']);
  await expect
    .poll(() => fixture.target.rows('SELECT count(*) FROM t').catch(() => null), POLL)
    .toEqual([['40']]);
  await sink.stop();
  await fixture.target.client.query(`UPDATE millrace.sink_tables SET table_name = 'before'`);
  const again = await fixture.start(['t']);
  await expect(again.ended).rejects.toMatchObject({
    code: 'sink.table_changed',
    message: expect.stringContaining('is mapped to public.t, but sink sink has written it to public.before'),
  });
});

test('a table that was dropped stops the sink instead of coming back without its rows', async () => {
  const fixture = await createSinkFixture();
  const writer = await fixture.writer('t', 1);
  await writer.write(versions(1));
  const sink = await fixture.start(['t']);
  await expect
    .poll(() => fixture.target.rows('SELECT count(*) FROM t').catch(() => null), POLL)
    .toEqual([['40']]);
  await sink.stop();
  await fixture.target.client.query('DROP TABLE t');
  const again = await fixture.start(['t']);
  await expect(again.ended).rejects.toMatchObject({ code: 'sink.table_missing' });
  expect(await fixture.target.rows(`SELECT to_regclass('public.t')`)).toEqual([[null]]);
});
