import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { batchOf, closingBatch } from './batches.ts';
import { expectedRows } from './oracle.ts';
import { type OutputName, outputsOf } from './outputs.ts';
import { joinPipeline } from './pipeline.ts';
import { RowBag, rowText } from './row-bag.ts';
import { type InputName, inputs } from './topics.ts';

const BATCHES = 60;
const seed = 3;
const batches = [
  ...Array.from({ length: BATCHES }, (_, number) => batchOf(seed, number)),
  closingBatch(BATCHES, ['closing']),
];
const outputs = outputsOf('tried');

/** The oracle's answer and that of the engine, fed in the order of the batches. */
function answers(): [Record<OutputName, RowBag>, Record<string, RowBag>] {
  const driver = testDriver(joinPipeline('tried'));
  batches.forEach((batch, number) => {
    // Tables before events, as a task takes what was committed together.
    for (const name of [
      'customers',
      'accounts',
      'orders',
      'visits',
      'requests',
      'answers',
    ] satisfies InputName[])
      for (const { key, value } of batch[name])
        driver.pipe(inputs[name] as Topic<object, object>, key, value, { timestamp: number });
  });
  // Orders that name nobody; nothing else goes lost, and nothing is late.
  expect(driver.dropped().filter(({ reason }) => reason !== 'null_key')).toEqual([]);
  const found: Record<string, RowBag> = {};
  for (const [name, topic] of Object.entries(outputs)) {
    const rows = driver
      .read(topic as Topic<object, object>)
      .map(({ key, value }) => ({ key: key ?? {}, value }));
    const last = new Map(rows.map((row) => [rowText(Object.values(row.key), []), row]));
    const bag = new RowBag();
    for (const { key, value } of topic.kind === 'table' ? last.values() : rows)
      if (value !== null) bag.add(rowText(Object.values(key), Object.values(value)));
    found[name] = bag;
  }
  return [expectedRows(batches), found];
}

test('the oracle, which shares no code with the engine, says what the operators put out', () => {
  const [expected, found] = answers();
  for (const [name, bag] of Object.entries(expected)) {
    expect([name, bag.difference(found[name] ?? new RowBag())]).toEqual([
      name,
      { missing: 0, extra: 0, examples: [] },
    ]);
    expect(bag.size).toBeGreaterThan(10);
  }
});

test('a seed and a number always give the same batch', () => {
  expect(batchOf(seed, 7)).toEqual(batches[7]);
  expect(batchOf(seed + 1, 7)).not.toEqual(batches[7]);
});
