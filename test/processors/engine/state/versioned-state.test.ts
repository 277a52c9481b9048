import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryKeyValueStore } from '../../../../processors/engine/state/memory-key-value-store.ts';
import { MemoryWindowStore } from '../../../../processors/engine/state/memory-window-store.ts';
import type { StateStore } from '../../../../processors/engine/state/store.ts';
import type { BodySerde, TableRow } from '../../../../processors/engine/state/table-state.ts';
import { VersionedState } from '../../../../processors/engine/state/versioned-state.ts';

const HISTORY_MS = 10;
const KEYS = ['', 'a', 'b'];
const TIMES = Array.from({ length: 40 }, (_, index) => index - 5);
const serde: BodySerde = {
  encodeBody: (value) => Buffer.from(JSON.stringify(value)),
  decodeBody: (body) => JSON.parse(body.toString()) as unknown,
};

type Step =
  | { readonly kind: 'put'; readonly key: string; readonly time: number; readonly value: string | null }
  | { readonly kind: 'reopen' };

/** Times wander upwards, so that versions expire; some steps go far back, so that they split others or are refused. */
const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      {
        weight: 12,
        arbitrary: fc.record({
          kind: fc.constant('put' as const),
          key: fc.constantFrom(...KEYS),
          back: fc.integer({ min: 0, max: 14 }),
          value: fc.option(fc.constantFrom('x', 'y', 'z'), { freq: 2 }),
        }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
    ),
    { maxLength: 30, size: 'max' },
  )
  .map((all) =>
    all.map((step, index) =>
      step.kind === 'put' ? { ...step, time: Math.max(-3, index + 4 - step.back) } : step,
    ),
  );

interface Version {
  readonly time: number;
  readonly value: string | null;
  readonly commitTime: number;
}

/** Every version there ever was, by key in order of time, and the highest time. What it answers it never forgets. */
class Model {
  readonly versions = new Map(KEYS.map((key) => [key, [] as Version[]]));
  /** Since when versions may take room, by key: what a deletion has ended that is itself forgotten takes none. */
  readonly #since = new Map<string, number>();
  highest = Number.NEGATIVE_INFINITY;

  get horizon(): number {
    return this.highest - HISTORY_MS;
  }

  of(key: string): Version[] {
    return this.versions.get(key) ?? [];
  }

  put(key: string, version: Version): string {
    if (version.time < this.horizon) return 'expired';
    this.highest = Math.max(this.highest, version.time);
    this.#since.set(key, Math.min(this.#since.get(key) ?? version.time, version.time));
    const others = this.of(key).filter(({ time }) => time !== version.time);
    this.versions.set(
      key,
      [...others, version].sort((a, b) => a.time - b.time),
    );
    for (const [own, versions] of this.versions) {
      const newest = versions.at(-1);
      if (newest?.value === null && newest.time <= this.horizon) this.#since.set(own, newest.time + 1);
    }
    return this.of(key).at(-1) === version ? 'latest' : 'out_of_order';
  }

  asOf(key: string, time: number): Version | null {
    const newest = this.of(key).at(-1);
    if (newest === undefined || (newest.time > time && time < this.horizon)) return null;
    const version = this.of(key).findLast((candidate) => candidate.time <= time);
    return version === undefined || version.value === null ? null : version;
  }

  /** Entries that must be there: newest rows, deletions that still matter, and what was valid within the history. */
  entries(): { latest: number; history: number } {
    const remembered = (key: string): Version[] =>
      this.of(key).filter(({ time }) => time >= (this.#since.get(key) ?? 0));
    const all = KEYS.map(remembered);
    const newest = all.flatMap((versions) => versions.slice(-1));
    const marks = newest.filter(({ value }) => value === null).length;
    return {
      latest: newest.length,
      history:
        all.flatMap((versions) => versions.slice(1).filter(({ time }) => time > this.horizon)).length + marks,
    };
  }
}

class Opened {
  readonly stores = [memoryKeyValueStore('latest'), new MemoryWindowStore('history')] as const;
  readonly state = new VersionedState(this.stores[0], this.stores[1], serde, HISTORY_MS);
}

test('knows what was valid at each time of its history, in whatever order the changes came, and no more than that', () => {
  fc.assert(fc.property(steps, compareWithModel), { numRuns: 300 });
});

function compareWithModel(all: readonly Step[]): void {
  let opened = new Opened();
  const model = new Model();
  const changelogs = [new Map<string, Buffer | null>(), new Map<string, Buffer | null>()] as const;
  for (const [commitTime, step] of all.entries()) {
    if (step.kind === 'put') {
      const { key, value, time } = step;
      const got = opened.state.put(Buffer.from(key), value, time, commitTime);
      expect(got).toBe(model.put(key, { time, value, commitTime }));
    } else opened = reopened(opened, changelogs);
    expect({ latest: opened.stores[0].entries, history: opened.stores[1].entries }).toEqual(model.entries());
    expect(answers(opened.state)).toBe(answersOf(model));
  }
}

/** A line for each key, with what was valid at each time; the last time stands for the newest row. */
function answers(state: VersionedState): string {
  return lines((key, time) => {
    const keyBody = Buffer.from(key);
    return time === TIMES.at(-1) ? state.get(keyBody) : state.getAsOf(keyBody, key, time);
  });
}

const answersOf = (model: Model): string => lines((key, time) => model.asOf(key, time));

function lines(ask: (key: string, time: number) => Version | TableRow | null): string {
  const answer = (row: Version | TableRow | null): string =>
    row === null ? '-' : JSON.stringify([row.value, row.time, row.commitTime]);
  return KEYS.map((key) => `${key}: ${TIMES.map((time) => answer(ask(key, time))).join(' ')}`).join('\n');
}

function reopened(
  opened: Opened,
  changelogs: readonly [Map<string, Buffer | null>, Map<string, Buffer | null>],
): Opened {
  const next = new Opened();
  const goOn = (from: StateStore, to: StateStore, changelog: Map<string, Buffer | null>): void => {
    for (const { key, value } of from.staged()) changelog.set(key.toString('latin1'), value);
    for (const [key, value] of changelog) to.restore(Buffer.from(key, 'latin1'), value);
    to.commit();
  };
  goOn(opened.stores[0], next.stores[0], changelogs[0]);
  goOn(opened.stores[1], next.stores[1], changelogs[1]);
  return next;
}

test('a deletion at the time of the row that it deletes replaces it, and an older change stays older', () => {
  const { state } = new Opened();
  const key = Buffer.from('k');
  state.put(key, 'row', 10, 0);
  expect(state.put(key, null, 10, 0)).toBe('latest');
  expect(state.put(key, 'older', 5, 0)).toBe('out_of_order');
  expect(state.get(key)).toBeNull();
  expect(state.getAsOf(key, 'k', 9)?.value).toBe('older');
  expect(state.getAsOf(key, 'k', 10)).toBeNull();
});

test('a change that comes at the very end of the history is taken, one before it is refused', () => {
  const { state } = new Opened();
  state.put(Buffer.from('other'), 'row', 100, 0);
  const key = Buffer.from('k');
  expect(state.put(key, 'row', 89, 0)).toBe('expired');
  expect(state.put(key, 'row', 90, 0)).toBe('latest');
  expect(state.getAsOf(key, 'k', 90)?.value).toBe('row');
});
