/**
 * Text of a one-dimensional Postgres array, written element by element:
 * https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
export class ArrayLiteral {
  #text = '{';

  addNull(): void {
    this.#text += this.#text.length === 1 ? 'NULL' : ',NULL';
  }

  /** @param quoted false only for text that can hold none of `{},"\` and blanks, and is not the word NULL */
  add(text: string, quoted: boolean): void {
    const element = quoted ? `"${escaped(text)}"` : text;
    this.#text += this.#text.length === 1 ? element : `,${element}`;
  }

  toString(): string {
    return `${this.#text}}`;
  }
}

const SPECIAL = /["\\]/;

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replaceAll(/["\\]/g, String.raw`\$&`) : text;
}
