import { expect, test } from 'vitest';
import { UnquotedText, closingQuote } from '../../../../connectors/postgres-source/types/quoted-text.ts';

function unquoted(memory: UnquotedText, text: string): string {
  const source = Buffer.from(text);
  const length = memory.load(source, 0, source.length);
  return memory.bytes.toString('utf8', 0, length);
}

test('a text of any length comes without its escapes', () => {
  const memory = new UnquotedText();
  for (const length of [1, 100, 300, 5000, 2])
    expect(unquoted(memory, String.raw`\"\\ü`.repeat(length))).toBe('"\\ü'.repeat(length));
});

test('a very long text does not leave its memory behind', () => {
  const memory = new UnquotedText();
  unquoted(memory, '\\x'.repeat(2 * 1024 * 1024));
  expect(memory.bytes.length).toBeGreaterThan(2 * 1024 * 1024);
  unquoted(memory, String.raw`\a`);
  expect(memory.bytes.length).toBeLessThan(1024 * 1024);
});

test('a quote ends where the next one is neither escaped nor doubled', () => {
  const close = (text: string): number => closingQuote(Buffer.from(text), 0, text.length);
  expect(close('"",')).toBe(1);
  expect(close(String.raw`"a\"b""c" "`)).toBe(8);
  expect(close('"open')).toBe(5);
});
