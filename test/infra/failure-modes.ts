import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(ROOT, 'infra');

/** One failure, as a table of the document tells it. */
export interface FailureMode {
  readonly what: string;
  readonly seen: string;
  /** Part of a test's title, and the file, relative to the document. */
  readonly proofs: readonly { readonly title: string; readonly file: string }[];
}

/** What the document has under one heading of the second level. */
export interface Section {
  readonly title: string;
  readonly text: string;
  readonly modes: readonly FailureMode[];
}

const LINK = /\[((?:\\.|[^\]\\])+)\]\(([^)]+)\)/g;

/** The document in its sections. A row has five cells; one of another number is none. */
export function readFailureModes(): readonly Section[] {
  const document = readFileSync(join(FOLDER, 'FAILURE-MODES.md'), 'utf8');
  const [, ...sections] = document.split(/^## /m);
  return sections.map((text) => ({
    title: text.slice(0, text.indexOf('\n')),
    text,
    modes: text
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (fails \||-+ \|)/.test(line))
      .map(modeOf),
  }));
}

function modeOf(row: string): FailureMode {
  const cells = row.slice(2, -2).split(/ \| /);
  const [what = '', seen = '', , , proof = ''] = cells;
  if (cells.length !== 5) return { what, seen, proofs: [] };
  const proofs = [...proof.matchAll(LINK)].map(([, title = '', file = '']) => ({ title, file }));
  return { what, seen, proofs };
}

/** A literal that is followed by what a test does. */
const TITLE = /\(\s*(['"`])((?:\\.|(?!\1).)+)\1,\s*(?:\{[^}]*\},\s*)?(?:async\s*)?\(/g;

/** The titles of a file's tests as they are written, or null where there is no such file. */
export function titlesIn(file: string): readonly string[] | null {
  const path = join(FOLDER, file);
  if (!existsSync(path)) return null;
  return [...readFileSync(path, 'utf8').matchAll(TITLE)].map(([, , title = '']) =>
    title.replaceAll('\\', ''),
  );
}

const SOURCES = globSync('{infra,schemas,connectors,processors}/**/*.ts', { cwd: ROOT });

/** What the programs say: each source with its strings in one piece, and once more with `…` in place of values. */
const SAID = SOURCES.map((file) => {
  const source = readFileSync(join(ROOT, file), 'utf8')
    .replaceAll(/(['"`]) \+\s*(['"`])/g, '')
    .replaceAll(/\\(['"`])/g, '$1');
  return `${source}\n${source.replaceAll(/\$\{(?:[^{}`]|`(?:[^`$]|\$\{[^}]*\})*`)*\}/g, '…')}`;
});

/** Messages are between typographic quotes, a value in them is `…`. */
export function messagesIn(text: string): readonly string[] {
  return [...text.matchAll(/“([^”]+)”/g)].map(([, message = '']) => message);
}

/** Whether one source has all that a message has between its values. */
export function isSaid(message: string): boolean {
  const pieces = message
    .split('…')
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
  return SAID.some((source) => pieces.every((piece) => source.includes(piece)));
}
