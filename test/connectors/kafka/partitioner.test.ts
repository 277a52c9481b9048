import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { murmur2, partitionFor } from '../../../connectors/kafka/partitioner.ts';

interface Row {
  readonly what: string;
  readonly hex: string;
  readonly murmur2: number;
  readonly partition: Readonly<Record<string, number>>;
}

const rows = JSON.parse(
  readFileSync(new URL('partitioner-murmur2.json', import.meta.url), 'utf8'),
) as readonly Row[];

test("keys hash as Kafka's Java client hashes them", () => {
  expect(rows.length).toBe(39);
  for (const row of rows)
    expect([row.what, murmur2(Buffer.from(row.hex, 'hex'))]).toEqual([row.what, row.murmur2]);
});

test("keys land on the partitions that Kafka's Java client chooses", () => {
  for (const row of rows)
    for (const [partitions, partition] of Object.entries(row.partition))
      expect([row.what, partitionFor(Buffer.from(row.hex, 'hex'), Number(partitions))]).toEqual([
        row.what,
        partition,
      ]);
});

test('part of a buffer hashes as a copy of it does', () => {
  const key = Buffer.from('user-2-and-some-more');
  const within = Buffer.concat([Buffer.alloc(5, 0xff), key, Buffer.alloc(3, 0xff)]);
  expect(murmur2(within, 5, 5 + key.length)).toBe(murmur2(key));
});
