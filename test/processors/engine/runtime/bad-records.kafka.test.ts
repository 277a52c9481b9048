import { expect, test } from 'vitest';
import type { ConsumerRecord, ProducerRecord } from '../../../../connectors/kafka/port.ts';
import { DEFAULT_POLICIES } from '../../../../processors/engine/bad-record-policies.ts';
import { applicationNames } from '../../../../processors/engine/runtime/application-names.ts';
import { planReset } from '../../../../processors/engine/runtime/reset-plan.ts';
import { keyOf, topology } from '../../../../processors/engine/topology.ts';
import { decimal } from '../../../../schemas/decimal.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import { AvroSerde } from '../../../../schemas/serde/avro-serde.ts';
import { frame } from '../../../../schemas/serde/wire-format.ts';
import { type Topic, topicName } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';
import { PipelineRig, until } from '../pipeline-rig.ts';

const PARTITIONS = 2;
const long: Schema<bigint> = { avro: 'long' };
const base = { key: 'string', partitions: PARTITIONS, value: 'long' } as const;
const payments: Topic<string, bigint> = { ...base, kind: 'stream', name: 'payments' };
const totals: Topic<string, bigint> = { ...base, kind: 'table', name: 'totals' };
const limits: Topic<string, bigint> = { ...base, kind: 'table', name: 'limits' };
/** A total from which on the step behind the aggregate throws, when the aggregate has been written already. */
const TOO_MUCH = 1_000_000n;

const summing = topology('summing', (builder) => {
  const paid = builder.stream(payments);
  paid.windowedBy({ tumbling: '1s' }, { grace: 0 }).count('per-second');
  const limit = builder.globalTable(limits);
  paid.leftJoinGlobal('limited', limit, { key: (_, payer) => payer }, (amount) => amount);
  paid
    .repartition('by-payer', keyOf(totals), (_, payer) => payer)
    .aggregate('total', long, { initial: () => 0n, add: (sum, amount) => sum + amount })
    .mapValues((sum) => {
      if (sum >= TOO_MUCH) throw new RangeError('too much money');
      return sum;
    })
    .to(totals);
});

interface Sent {
  readonly payer: string;
  readonly amount: bigint;
}

/** Payments of two payers, two of eight too much. */
function paymentsFrom(from: number, count: number): Sent[] {
  return Array.from({ length: count }, (_, i) => ({
    payer: (from + i) % 2 === 0 ? 'a' : 'b',
    amount: (from + i) % 8 <= 1 ? TOO_MUCH : BigInt(from + i),
  }));
}

/** Of each payer the totals as they come about, without what is too much. */
function totalsOf(sent: readonly Sent[]): Record<string, bigint[]> {
  const steps: Record<string, bigint[]> = { a: [], b: [] };
  for (const { payer, amount } of sent) {
    const own = steps[payer] ?? [];
    if (amount < TOO_MUCH) own.push((own.at(-1) ?? 0n) + amount);
  }
  return steps;
}

async function opened(): Promise<PipelineRig> {
  const rig = await PipelineRig.open();
  await rig.createTopics([payments, limits] as never, PARTITIONS);
  await rig.cut();
  return rig;
}

const publish = (rig: PipelineRig, sent: readonly Sent[]): Promise<void> =>
  rig.publish(
    payments,
    sent.map(({ payer, amount }) => ({ key: payer, value: amount })),
  );

/** The totals that were put out, when there are so many; `letters` of the dead-letter topic. */
async function outcome(rig: PipelineRig, count: number) {
  const results = await until(
    () => rig.results(totals),
    (seen) => seen.length >= count,
  );
  const steps = (payer: string) => results.flatMap(({ key, value }) => (key === payer ? [value] : []));
  return { a: steps('a'), b: steps('b') };
}

const lettersOf = (rig: PipelineRig): Promise<ConsumerRecord[]> => rig.records(`${rig.prefix}-summing-dlq`);

function header({ headers }: ConsumerRecord, name: string): string | undefined {
  return headers.findLast(({ key }) => key === name)?.value?.toString();
}

/** The sum of a counter over all series with a label. */
function counted(metrics: string, name: string, label: string): number {
  const series = metrics
    .split('\n')
    .filter((line) => line.startsWith(`millrace_${name}{`) && line.includes(label));
  return series.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Bytes that are no message, a message of a schema that nobody has registered, and one that ends too early. */
async function undecodable(rig: PipelineRig): Promise<ProducerRecord[]> {
  const topic = topicName(rig.prefix, payments);
  const serde = await AvroSerde.writer<string>(rig.registry, `${topic}-key`, payments.key);
  const whole = serde.encode('x');
  const place = { topic, partition: 1, timestamp: 1_700_000_000_123 };
  const headers = [{ key: 'trace', value: Buffer.from([0xff, 0x00]) }];
  return [
    { ...place, key: whole, value: Buffer.from('no Avro'), headers },
    { ...place, key: whole, value: frame(0x7ffffff0, Buffer.from([2])), headers: [] },
    { ...place, key: whole.subarray(0, 6), value: null, headers: [] },
  ];
}

test(
  'what cannot be decoded and what makes a function throw is a dead letter once, and counts nowhere else',
  { timeout: 120_000 },
  async () => {
    await using rig = await opened();
    const badRecords = {
      ...DEFAULT_POLICIES,
      deserialization: 'dlq',
      processing: 'dlq',
      dropped: 'dlq',
    } as const;
    // What letters are compared with stays.
    const settings = { badRecords, repartitionPurgeIntervalMs: 600_000 };
    const first = rig.start(summing, 'a', settings);
    const sent = paymentsFrom(0, 40);
    const garbage = await undecodable(rig);
    await publish(rig, sent.slice(0, 16));
    await rig.publishRaw(garbage);
    await outcome(rig, 12);
    await first.stop();
    await publish(rig, sent.slice(16));
    const second = rig.start(summing, 'b', settings);
    const failed = sent.filter(({ amount }) => amount >= TOO_MUCH);
    expect(await outcome(rig, sent.length - failed.length)).toEqual(totalsOf(sent));
    const good = sent.slice(16).length - 6;
    const metrics = await until(
      () => second.metrics.text(),
      (seen) => counted(seen, 'operator_records_in_total', 'node="total"') >= good,
    );
    expect(counted(metrics, 'operator_records_in_total', 'node="total"')).toBe(good);
    expect(counted(metrics, 'records_dropped_total', 'reason="failed"')).toBe(6);
    await rig.publish(payments, [{ key: 'a', value: 0n, timestamp: 1_000 }]);
    const all = await until(
      () => lettersOf(rig),
      (seen) => seen.length > garbage.length + failed.length,
    );
    const isLate = (letter: ConsumerRecord): boolean =>
      header(letter, '__streams.errors.exception') === 'dropped.late';
    expect(all.filter(isLate).map(({ timestamp }) => timestamp)).toEqual([1_000]);
    const letters = all.filter((letter) => !isLate(letter));
    await second.stop();
    const reset = { plan: summing.plan, names: applicationNames(rig.prefix, summing.name), stateDir: null };
    const isThere = (): Promise<boolean> => Promise.resolve(false);
    const { kept } = await planReset(rig.kafka, { ...reset, results: false, isThere });
    expect(kept).toContain(`${rig.prefix}-summing-dlq`);

    const topic = topicName(rig.prefix, payments);
    const raw = letters.filter((letter) => header(letter, '__streams.errors.topic') === topic);
    expect(raw.map(({ key, value, timestamp, headers }) => [key, value, timestamp, headers[0]])).toEqual(
      garbage.map(({ key, value, timestamp, headers }) => [
        key,
        value,
        timestamp,
        headers?.[0] ?? expect.objectContaining({ key: '__streams.errors.exception' }),
      ]),
    );
    for (const letter of raw) expect(header(letter, '__streams.errors.exception')).toBe('engine.undecodable');

    const processed = letters.filter((letter) => !raw.includes(letter));
    const repartition = `${rig.prefix}-summing-by-payer-repartition`;
    expect(processed).toHaveLength(failed.length);
    const failures = await rig.records(repartition);
    for (const letter of processed) {
      expect(header(letter, '__connect.errors.topic')).toBe(repartition);
      expect(header(letter, '__streams.errors.message')).toContain('too much money');
      expect(header(letter, '__streams.errors.stacktrace')).toContain('bad-records.kafka.test.ts');
      const place = [header(letter, '__streams.errors.partition'), header(letter, '__streams.errors.offset')];
      const source = failures.find(({ partition, offset }) => `${partition},${offset}` === place.join(','));
      expect(source?.value?.equals(letter.value ?? Buffer.alloc(0))).toBe(true);
    }
  },
);

test('a function that throws stops the pipeline in front of the record, and it goes on without it when told so', async () => {
  await using rig = await opened();
  const sent = paymentsFrom(0, 8);
  const stopping = rig.start(summing);
  const repartition = `${rig.prefix}-summing-by-payer-repartition`;
  const ended = expect(stopping.ended).rejects.toMatchObject({
    code: 'engine.record_failed',
    message: expect.stringContaining(`failed at the record ${repartition}[`) as string,
  });
  await publish(rig, sent);
  await ended;
  await rig.publishGarbage(limits as Topic<string, never>, 0);
  const skipping = rig.start(summing, 'a', {
    badRecords: { ...DEFAULT_POLICIES, deserialization: 'skip', processing: 'skip' },
  });
  await rig.publishRaw(await undecodable(rig));
  await publish(rig, paymentsFrom(8, 4));
  expect(await outcome(rig, 8)).toEqual(totalsOf(paymentsFrom(0, 12)));
  const dropped = await skipping.metrics.text();
  expect(counted(dropped, 'records_dropped_total', 'node="GLOBAL-SOURCE')).toBe(1);
  expect(await rig.kafka.existingTopics([`${rig.prefix}-summing-dlq`])).toEqual([]);
});

test('a process that is killed leaves each bad record one letter, and each good one counted once', async () => {
  await using rig = await PipelineRig.open();
  const sources = [topics.customers, topics.orderLines];
  await rig.createTopics(sources as never, PARTITIONS);
  await rig.cut();
  const customer = { customer_id: 'ann', name: 'Ann', segment: null };
  await rig.publish(topics.customers, [{ key: { customer_id: 'ann' }, value: customer }]);
  const garbage = topics.orderLines as unknown as Topic<string, never>;
  const rounds = 6;
  const publishRound = async (round: number): Promise<void> => {
    const amounts = { quantity: 1, sales: decimal('1.0000'), profit: decimal('0.5000') };
    const line = { line_id: round, order_id: null, customer_id: 'ann', ...amounts };
    await rig.publish(topics.orderLines, [{ key: { line_id: round }, value: line }]);
    await rig.publishGarbage(garbage, round % PARTITIONS);
  };
  const start = () => rig.spawn('customer-revenue', 'a', ['--deserialization-error', 'dlq']);
  const lines = async () => (await rig.results(topics.customerRevenue)).map(({ value }) => value?.lines);
  const letters = () => rig.records(`${rig.prefix}-customer-revenue-dlq`);
  const victim = start();
  for (let round = 0; round < rounds; round++) {
    await publishRound(round);
    if (round === 3) {
      await until(letters, (seen) => seen.length > 0);
      await victim.kill();
    }
  }
  start();
  const counted = await until(lines, (seen) => seen.length >= rounds);
  const seen = await until(letters, (all) => all.length >= rounds);
  expect(counted).toEqual(Array.from({ length: rounds }, (_, i) => i + 1));
  expect(seen.map(({ key, value }) => `${key?.toString()} ${value?.toString()}`)).toEqual(
    Array.from({ length: rounds }, () => 'no Avro no Avro'),
  );
  const places = seen.map((letter) =>
    ['partition', 'offset'].map((part) => header(letter, `__connect.errors.${part}`)).join(),
  );
  expect(new Set(places).size).toBe(rounds);
});
