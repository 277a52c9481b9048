import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** One record that an operator put out. */
export interface VectorOutput {
  readonly key: string | null;
  readonly value: string | number | null;
  readonly ts: number;
  readonly windowStart?: number;
  readonly windowEnd?: number;
}

export interface VectorStep {
  readonly side: 'left' | 'right';
  readonly key: string | null;
  readonly value: string | null;
  readonly ts: number;
  readonly expect: readonly VectorOutput[];
  /** Where another result than Kafka Streams' is right. */
  readonly recommended?: readonly VectorOutput[];
}

export type CompareMode = 'exact' | 'unordered' | 'last-per-key' | 'set-by-end';

export interface VectorWindow {
  readonly type: 'tumbling' | 'hopping' | 'sliding' | 'session';
  readonly sizeMs?: number;
  readonly advanceMs?: number;
  readonly differenceMs?: number;
  readonly gapMs?: number;
  readonly graceMs: number;
}

/** A table of an operator that is versioned. */
export interface VectorHistory {
  readonly historyRetentionMs: number;
}

export interface VectorOperator {
  readonly kind: string;
  readonly join?: 'inner' | 'left' | 'outer';
  readonly beforeMs?: number;
  readonly afterMs?: number;
  readonly graceMs?: number;
  readonly self?: boolean;
  readonly keySelector?: string;
  readonly agg?: string;
  readonly emit?: 'eager' | 'on-window-close';
  readonly window?: VectorWindow;
  readonly leftVersioned?: VectorHistory;
  readonly rightVersioned?: VectorHistory;
  readonly suppress?: { readonly until: 'window-close' | 'time-limit'; readonly ms?: number };
}

/** Inputs of one operator, step by step, and what must come out. */
export interface Vector {
  readonly name: string;
  readonly operator: VectorOperator;
  readonly compare: CompareMode;
  readonly steps: readonly VectorStep[];
}

/** The vectors of every `.json` file in a folder; files of another form (the partitioner's rows) are passed over. */
export function loadVectors(folder: string): Vector[] {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();
  return files.flatMap((file) => {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    return Array.isArray(parsed) ? parsed.filter(isVector) : [];
  });
}

function isVector(value: unknown): value is Vector {
  return typeof value === 'object' && value !== null && 'steps' in value && 'operator' in value;
}
