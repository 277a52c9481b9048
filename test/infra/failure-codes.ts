import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR, failureOf } from '../../connectors/kafka/error-code.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCES = globSync('{infra,schemas,connectors,processors}/**/*.ts', { cwd: ROOT }).toSorted();

/** `family.reason`, as a literal of its own. */
const CODE = /'([a-z]+\.[a-z_]+)'/g;
/** Calls of a function that makes a code of a name. */
const NAMED = (maker: string): RegExp => new RegExp(String.raw`\b${maker}\(\s*'([a-z_]+)'`, 'g');
const FUNCTION = /(?:function (\w+)\(|const (\w+) = \()/g;
/** Names of files and of Kafka's settings look like codes too. */
const NOT_CODES = /\.(ts|md|json|jar|jsa|avsc|sql|bytes|ms|enable|policy|size|replicas|factor|type)$/;

interface Thrown {
  /** As it is written; `unknown` where an expression decides. */
  readonly order: string;
  readonly code: string;
}

const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** The arguments of a call whose opening parenthesis is before `from`, as they are written, as far as `count`. */
function argumentsAt(text: string, from: number, count: number): string[] {
  const found: string[] = [];
  let depth = 0;
  let quote = '';
  let start = from;
  for (let i = from; i < text.length && found.length < count; i++) {
    const c = text[i] ?? '';
    if (quote !== '') {
      if (c === '\\') i++;
      else if (c === quote) quote = '';
      continue;
    }
    if (c === "'" || c === '"' || c === '`') quote = c;
    else if ('([{'.includes(c)) depth++;
    else if (')]}'.includes(c) && depth-- === 0) return [...found, text.slice(start, i).trim()];
    else if (c === ',' && depth === 0) {
      found.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return found;
}

/** The name of the function that a place is in. */
function functionAt(text: string, at: number): string {
  const [, declared, assigned] = [...text.slice(0, at).matchAll(FUNCTION)].at(-1) ?? [];
  return declared ?? assigned ?? '';
}

const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, name]) => name ?? '');

const literalsIn = (text: string): string[] => matches(text, CODE).filter((code) => !NOT_CODES.test(code));

/** Constants that name a code, wherever they are used. */
const CONSTANTS = new Map(
  SOURCES.flatMap((file) =>
    [...textOf(file).matchAll(/const ([A-Z_]+) = '([a-z]+\.[a-z_]+)'/g)].map(
      ([, name, code]) => [name ?? '', code ?? ''] as const,
    ),
  ),
);

/** What the first argument of `new Failure` may be. Empty: another failure's code is passed on. */
function codesOf(written: string, text: string, at: number): string[] {
  const literals = literalsIn(written);
  if (literals.length > 0) return literals;
  const constant = CONSTANTS.get(written);
  if (constant !== undefined) return [constant];
  const [, begin] = /^`(\w+\.\w*)\$\{\w+\}`$/.exec(written) ?? [];
  if (begin === undefined) return literalsIn(text);
  const maker = functionAt(text, at);
  const callers = text.includes(`export function ${maker}(`) ? SOURCES.map(textOf) : [text];
  const names = callers.flatMap((each) => matches(each, NAMED(maker)));
  return names.map((name) => `${begin}${name}`);
}

function thrownIn(file: string): Thrown[] {
  const text = textOf(file);
  return [...text.matchAll(/new Failure\(/g)].flatMap(({ index }) => {
    const [code = '', order = ''] = argumentsAt(text, index + 'new Failure('.length, 2);
    const known = /^'([a-z-]+)'$/.exec(order)?.[1] ?? 'unknown';
    return codesOf(code, text, index).map((each) => ({ code: each, order: known }));
  });
}

/** Of the answers of a broker, which have the names that Kafka gives them. */
function thrownByBrokers(): Thrown[] {
  return Object.values(ERROR)
    .filter((errorCode) => errorCode !== ERROR.none)
    .map((errorCode) => failureOf(errorCode, ''));
}

const THROWN = [...SOURCES.flatMap(thrownIn), ...thrownByBrokers()];

/** Every code that stops a program of ours, or may. */
export const STOPPING_CODES: ReadonlySet<string> = new Set(
  THROWN.filter(({ order }) => order === 'stop' || order === 'unknown').map(({ code }) => code),
);

/** Every code that can be met in a log: of failures, and of alarms. */
export const KNOWN_CODES: ReadonlySet<string> = new Set([
  ...THROWN.map(({ code }) => code),
  ...SOURCES.flatMap((file) => literalsIn(textOf(file))),
]);
