import { Failure } from '../../../infra/process/failure.ts';
import type { HttpAnswer } from '../../../infra/process/http-server.ts';
import { type Elsewhere, type InspectedState, type RefusalReason, refusal } from './inspected-state.ts';
import { requiredKey } from './query-text.ts';
import { describeState } from './state-listing.ts';
import type { StateQueries } from './state-queries.ts';
import { type StoreAnswer, getRow, rangeOfRows, windowsOfKey } from './store-queries.ts';
import { why } from './why.ts';

const STATUS: Readonly<Record<`query.${RefusalReason}`, number>> = {
  'query.unknown_store': 404,
  'query.unknown_path': 404,
  'query.bad_request': 400,
  'query.bad_key': 400,
  'query.not_ready': 503,
};

const STORE_QUESTIONS: Readonly<
  Record<string, (state: InspectedState, store: string, parameters: URLSearchParams) => StoreAnswer>
> = { get: getRow, range: rangeOfRows, windows: windowsOfKey };

/** Tells which instance has a task; null when nobody has it at the moment. */
export type Whereabouts = (task: Elsewhere) => Promise<{ instance: string; host: string } | null>;

/**
 * Answers `/state`, `/state/STORE/get|range|windows` and `/why`; null for any other path. Nothing is changed by any of
 * them, and each answer is bounded in rows and bytes.
 */
export async function answerQuery(
  queries: StateQueries,
  whereabouts: Whereabouts,
  url: URL,
): Promise<HttpAnswer | null> {
  const [, area, store, verb, ...rest] = url.pathname.split('/');
  const parameters = url.searchParams;
  try {
    if (area === 'why' && store === undefined) {
      const key = requiredKey(parameters);
      return await withInstances(await queries.ask((state) => why(state, key)), whereabouts);
    }
    if (area !== 'state') return null;
    if (store === undefined) return { status: 200, body: await queries.ask(describeState) };
    const question = Object.hasOwn(STORE_QUESTIONS, verb ?? '') ? STORE_QUESTIONS[verb ?? ''] : undefined;
    if (question === undefined || rest.length > 0)
      throw refusal('unknown_path', 'no such question', 'ask /state/STORE/get, /range or /windows');
    const name = decoded(store);
    return await storeAnswer(await queries.ask((state) => question(state, name, parameters)), whereabouts);
  } catch (error) {
    return refused(error);
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw refusal('bad_request', "the store's name is not URL-encoded");
  }
}

async function storeAnswer(answer: StoreAnswer, whereabouts: Whereabouts): Promise<HttpAnswer> {
  const { found, body, elsewhere } = answer;
  if (found) return { status: 200, body };
  if (elsewhere === undefined)
    return { status: 404, body: { error: 'not_found', message: 'there is no row of the key here', ...body } };
  const message = 'the key belongs to a task that is not here';
  const instance = await whereabouts(elsewhere);
  return { status: 404, body: { error: 'not_here', message, ...body, ...elsewhere, instance } };
}

async function withInstances(answer: ReturnType<typeof why>, whereabouts: Whereabouts): Promise<HttpAnswer> {
  const elsewhere = [];
  for (const missed of answer.elsewhere) elsewhere.push({ ...missed, instance: await whereabouts(missed) });
  return { status: 200, body: { ...answer, elsewhere } };
}

function refused(error: unknown): HttpAnswer {
  if (!(error instanceof Failure) || !(error.code in STATUS)) throw error;
  const { code, message, fix } = error;
  const status = STATUS[code as keyof typeof STATUS];
  return {
    status,
    body: { error: code.slice('query.'.length), message, ...(fix === undefined ? {} : { fix }) },
  };
}
