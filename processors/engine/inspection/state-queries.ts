import { refusal, type InspectedState } from './inspected-state.ts';

/** Questions that wait for a commit. */
const WAITING_MAX = 100;

/** What a session of a pipeline gives to questions. */
export interface StateSource {
  /** Why there is no state to be asked now, null when there is. */
  readonly unready: () => string | null;
  /** Whether everything in the stores is committed. */
  readonly isCommitted: () => boolean;
  readonly state: () => InspectedState;
}

interface Waiting {
  readonly answer: () => void;
  readonly refuse: (error: Error) => void;
}

/**
 * Questions to the state of a running pipeline. They are answered between two records, and only while nothing in the
 * stores waits for a commit: a question that comes in between waits for that commit, so it never sees a write that may
 * yet be taken back. It waits a commit interval at most, plus the commit. Time that goes on with the source's progress alone
 * needs no commit to be seen: what tells it is committed.
 */
export class StateQueries {
  #source: StateSource | null = null;
  #waiting: Waiting[] = [];

  /** Makes a session's state the one that is asked, until it is disposed of. */
  attach(source: StateSource): Disposable {
    this.#source = source;
    return {
      [Symbol.dispose]: () => {
        this.#source = null;
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const { refuse } of waiting) refuse(unready('the pipeline starts again'));
      },
    };
  }

  /**
   * Asks. `question` is called once, and must be synchronous.
   * @throws Failure `query.not_ready` (retry) while there is no state, and what the question throws
   */
  ask<T>(question: (state: InspectedState) => T): Promise<T> {
    const source = this.#source;
    const reason = source === null ? 'the pipeline does not run yet' : source.unready();
    if (source === null || reason !== null) return Promise.reject(unready(reason ?? ''));
    if (this.#waiting.length >= WAITING_MAX)
      return Promise.reject(unready(`${WAITING_MAX} questions wait for a commit already`));
    return new Promise<T>((resolve, reject) => {
      const answer = (): void => {
        try {
          resolve(question(source.state()));
        } catch (error) {
          reject(error instanceof Error ? error : new TypeError(String(error)));
        }
      };
      if (source.isCommitted()) answer();
      else this.#waiting.push({ answer, refuse: reject });
    });
  }

  /** To be told when a commit is in and nothing has been processed since. */
  committed(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const { answer } of waiting) answer();
  }
}

function unready(reason: string): Error {
  return refusal('not_ready', `there is no state to be asked: ${reason}`, 'ask again in a moment');
}
