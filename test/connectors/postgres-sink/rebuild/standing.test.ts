import { expect, test } from 'vitest';
import {
  type Standing,
  isBegunAnew,
  missing,
  shareOf,
} from '../../../../connectors/postgres-sink/rebuild/standing.ts';

function standing(more: Partial<Standing>): Standing {
  return { partition: 0, live: 100, own: 0, start: 0, end: 120, stable: 110, ...more };
}

test('the new table must have all that the old one has, in every partition', () => {
  expect(missing([standing({ own: 40 })])).toBe(60);
  expect(missing([standing({ own: 100 }), standing({ own: 99 })])).toBe(1);
  expect(missing([standing({ own: 105 })])).toBe(0);
});

test('a partition that the sink has never read asks for nothing', () => {
  expect(missing([standing({ live: null })])).toBe(0);
});

test('of a topic that was created anew all that it has now is asked for', () => {
  const anew = [standing({ live: 5_000, own: 109 })];
  expect(isBegunAnew(anew)).toBe(true);
  expect(missing(anew)).toBe(1);
  expect(isBegunAnew([standing({ live: 120 })])).toBe(false);
});

test('the share counts from where the log starts, and never past the goal', () => {
  expect(shareOf([standing({ start: 60, own: 80 }), standing({ own: 110 })])).toEqual({
    done: 120,
    total: 140,
  });
  expect(shareOf([standing({ start: 100, live: 20, own: 100 })])).toEqual({ done: 0, total: 0 });
});
