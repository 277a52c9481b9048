import { EventRandom } from './event-random.ts';

const SOURCE_CHARACTERS = 1 << 16;
/** Nexmark's strings have a blank at every thirteenth place on average, small letters else. */
const BLANK_IN = 13;
/** How far the length of an `extra` field may be from what is missing to the mean size of a record. */
const SPREAD = 0.2;
const STRING_MIN = 3;

const SOURCE = sourceText();

function sourceText(): string {
  const random = new EventRandom(SOURCE_CHARACTERS);
  let text = '';
  while (text.length < SOURCE_CHARACTERS)
    text += random.below(BLANK_IN) === 0 ? ' ' : String.fromCharCode(97 + random.below(26));
  return text;
}

/** Text of an exact length: cut out of one source, since making it letter by letter would cost more than the engine does. */
export function exactText(random: EventRandom, characters: number): string {
  const start = random.below(SOURCE_CHARACTERS - characters);
  return SOURCE.slice(start, start + characters);
}

export function shortText(random: EventRandom, charactersMax: number): string {
  return exactText(random, STRING_MIN + random.below(charactersMax - STRING_MIN)).trim();
}

/** What brings a record of `bytes` to a size that is `mean` on average. */
export function extraText(random: EventRandom, bytes: number, mean: number): string {
  const missing = mean - bytes;
  if (missing <= 0) return '';
  const spread = Math.round(missing * SPREAD);
  return exactText(random, missing - spread + (spread === 0 ? 0 : random.below(2 * spread)));
}
