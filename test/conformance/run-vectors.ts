import { testDriver } from '../../processors/engine/test-driver.ts';
import {
  counted,
  joined,
  left,
  longCounted,
  right,
  vectorTopology,
  windowed,
  windowedCounts,
} from './vector-topology.ts';
import type { Windowed } from '../../processors/engine/windowed-key.ts';
import type { CompareMode, Vector, VectorOutput } from './vector.ts';

export type VectorResult =
  | { readonly status: 'passed' }
  | { readonly status: 'failed'; readonly difference: string }
  | { readonly status: 'unsupported' };

/**
 * Runs one vector through the public pipeline API and compares in its own mode. With `restarts` the state goes through
 * its changelogs after each step.
 */
export function runVector(vector: Vector, restarts = false): VectorResult {
  const topology = vectorTopology(vector.operator);
  if (topology === null) return { status: 'unsupported' };
  const driver = testDriver(topology);
  const got = vector.steps.map((step) => {
    driver.pipe(step.side === 'left' ? left : right, step.key, step.value, { timestamp: step.ts });
    const outputs = RESULTS.flatMap((topic) =>
      driver
        .read<unknown, unknown>(topic as never)
        .map((record) => outputOf(record.key, record.value, record.timestamp)),
    );
    if (restarts) driver.restart();
    return outputs;
  });
  return compareSteps(vector, got);
}

const RESULTS = [joined, counted, longCounted, windowed, windowedCounts] as const;

/** A result as the vectors write it: the bounds of a window beside its key. */
export function outputOf(key: unknown, value: unknown, ts: number): VectorOutput {
  const own = plain(value as string | number | bigint | null);
  if (typeof key !== 'object' || key === null) return { key: key as string | null, value: own, ts };
  const { key: inner, window_start, window_end } = key as Windowed<string>;
  return { key: inner, value: own, ts, windowStart: Number(window_start), windowEnd: Number(window_end) };
}

/** Compares what came out at each step in the vector's own mode. `timeless`: whatever its event time. */
export function compareSteps(
  vector: Vector,
  got: readonly (readonly VectorOutput[])[],
  timeless = false,
): VectorResult {
  const timed = (outputs: readonly VectorOutput[]): readonly VectorOutput[] =>
    timeless ? outputs.map((output) => ({ ...output, ts: 0 })) : outputs;
  const all = vector.steps.map((step, i) => ({
    got: timed(got[i] ?? []),
    wanted: timed(step.recommended ?? step.expect),
  }));
  if (vector.compare === 'set-by-end') {
    const told = all.flatMap((step) => step.got);
    const wanted = all.flatMap((step) => step.wanted);
    return compared('over all steps', told, wanted, 'unordered');
  }
  for (const [index, step] of all.entries()) {
    const where = JSON.stringify({ ...vector.steps[index], expect: undefined, recommended: undefined });
    const result = compared(`step ${index} ${where}`, step.got, step.wanted, vector.compare);
    if (result.status === 'failed') return result;
  }
  return { status: 'passed' };
}

/** Counts of the vectors are numbers, those of the engine 64-bit integers. */
const plain = (value: string | number | bigint | null): string | number | null =>
  typeof value === 'bigint' ? Number(value) : value;

function compared(
  where: string,
  got: readonly VectorOutput[],
  wanted: readonly VectorOutput[],
  mode: CompareMode,
): VectorResult {
  const [a, b] = [normal(got, mode), normal(wanted, mode)];
  if (a === b) return { status: 'passed' };
  return { status: 'failed', difference: `${where}\n    wanted ${b}\n    got    ${a}` };
}

function normal(outputs: readonly VectorOutput[], mode: CompareMode): string {
  const lines = outputs.map(({ key, value, ts, windowStart = null, windowEnd = null }) =>
    JSON.stringify([key, value, ts, windowStart, windowEnd]),
  );
  if (mode === 'unordered') lines.sort();
  if (mode !== 'last-per-key') return lines.join(' ');
  const last = new Map(
    outputs.map(({ key, windowStart, windowEnd }, index) => [
      JSON.stringify([key, windowStart ?? null, windowEnd ?? null]),
      lines[index] ?? '',
    ]),
  );
  return [...last.values()].sort((a, b) => (a < b ? -1 : 1)).join(' ');
}
