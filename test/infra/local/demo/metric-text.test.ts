import { expect, test } from 'vitest';
import { buckets, parseMetrics, quantileSince, sum } from '../../../../infra/local/demo/metric-text.ts';

const TEXT = `# HELP rows rows
# TYPE rows counter
rows{table="a",op="upsert"} 3
rows{table="b",op="delete"} 4
plain 1.5
lat_bucket{le="0.01"} 5
lat_bucket{le="0.1"} 9
lat_bucket{le="+Inf"} 10
`;

test('samples are summed over their labels', () => {
  const samples = parseMetrics(TEXT);
  expect(sum(samples, 'rows')).toBe(7);
  expect(sum(samples, 'rows', { op: 'delete' })).toBe(4);
  expect(sum(samples, 'plain')).toBe(1.5);
  expect(sum(samples, 'absent')).toBe(0);
});

test('a quantile is the bound of the bucket that holds it, of what came since', () => {
  const now = buckets(parseMetrics(TEXT), 'lat');
  expect(quantileSince(now, new Map(), 0.5)).toBe(0.01);
  expect(quantileSince(now, new Map(), 0.9)).toBe(0.1);
  expect(quantileSince(now, new Map(), 0.99)).toBe(Infinity);
  expect(quantileSince(now, now, 0.5)).toBeNull();
  expect(
    quantileSince(
      now,
      new Map([
        [0.01, 5],
        [0.1, 5],
        [Infinity, 5],
      ]),
      0.5,
    ),
  ).toBe(0.1);
});
