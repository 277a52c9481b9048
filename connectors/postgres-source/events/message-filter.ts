import { Failure } from '../../../infra/process/failure.ts';

/** Says of a logical message's prefix whether the message is published. */
export type MessageFilter = (prefix: string) => boolean;

/** What the source and its tools tell themselves through the WAL. */
const OWN = /^millrace(\.|$)/;

/**
 * Each pattern stands for a whole prefix. Nothing is included by default, and messages of the source's own never are.
 * @throws Failure `config.invalid` for what is no regular expression
 */
export function messageFilter(include: readonly string[], exclude: readonly string[]): MessageFilter | null {
  const included = include.map(wholePrefix);
  const excluded = exclude.map(wholePrefix);
  if (included.length === 0) return null;
  return (prefix) =>
    !OWN.test(prefix) &&
    included.some((pattern) => pattern.test(prefix)) &&
    !excluded.some((pattern) => pattern.test(prefix));
}

function wholePrefix(pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 'u');
  } catch (error) {
    throw new Failure('config.invalid', 'stop', `${pattern} is no regular expression`, { cause: error });
  }
}
