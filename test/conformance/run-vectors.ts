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
  const all: { got: VectorOutput[]; wanted: readonly VectorOutput[] }[] = [];
  for (const step of vector.steps) {
    driver.pipe(step.side === 'left' ? left : right, step.key, step.value, { timestamp: step.ts });
    const records = [...driver.read(joined), ...driver.read(counted), ...driver.read(longCounted)];
    const windows = [...driver.read(windowed), ...driver.read(windowedCounts)];
    const got = [
      ...records.map(({ key, value, timestamp }) => ({ key, value: plain(value), ts: timestamp })),
      ...windows.map(({ key, value, timestamp }) => ({
        key: key?.key ?? null,
        value: plain(value),
        ts: timestamp,
        windowStart: Number(key?.window_start),
        windowEnd: Number(key?.window_end),
      })),
    ];
    if (restarts) driver.restart();
    all.push({ got, wanted: step.recommended ?? step.expect });
  }
  if (vector.compare === 'set-by-end') {
    const got = all.flatMap((step) => step.got);
    const wanted = all.flatMap((step) => step.wanted);
    return compared('over all steps', got, wanted, 'unordered');
  }
  for (const [index, { got, wanted }] of all.entries()) {
    const step = JSON.stringify({ ...vector.steps[index], expect: undefined, recommended: undefined });
    const result = compared(`step ${index} ${step}`, got, wanted, vector.compare);
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
