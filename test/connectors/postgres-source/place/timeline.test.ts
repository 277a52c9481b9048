import { expect, test } from 'vitest';
import { forkIn } from '../../../../connectors/postgres-source/place/timeline.ts';

const HISTORY = `1\t0/3000110\tno recovery target specified

# restored by hand
2\t1A/F0000028\tbefore 2026-01-01 00:00:00+00
`;

test('S56 the history of a timeline says where each earlier one was left', () => {
  expect(forkIn(HISTORY, 1)).toBe(0x3000110n);
  expect(forkIn(HISTORY, 2)).toBe(0x1af0000028n);
  expect(forkIn(HISTORY, 3)).toBeNull();
  expect(forkIn('', 1)).toBeNull();
});
