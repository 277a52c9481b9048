import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** What git tracks or would track: never node_modules, caches or data. */
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));

const CODE = FILES.filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith('generated.ts'));
const TEXT = FILES.filter((file) =>
  /\.(ts|mjs|md|json|yaml|yml|sh|avsc|xml|properties|sql)$|Dockerfile$|^\.ci\/run$/.test(file),
);

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const offenders = (files: readonly string[], pattern: RegExp): readonly string[] =>
  files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );

test('the top level holds the floors and the project files, nothing else', () => {
  const top = new Set(FILES.map((file) => file.split('/')[0] ?? ''));
  const folders = [...top].filter((name) => FILES.some((file) => file.startsWith(`${name}/`)));
  expect(folders.toSorted()).toEqual(['.ci', 'connectors', 'infra', 'processors', 'schemas', 'test']);
});

test('file names are kebab-case nouns, and there is no bucket for things without a name', () => {
  const wrong = CODE.filter((file) => {
    const name = (file.split('/').at(-1) ?? '').replace(/(\.\w+)+$/, '');
    return !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || /^(index|utils?|helpers?|common|misc|types)$/.test(name);
  });
  expect(wrong).toEqual([]);
});

test('no file is longer than 400 lines', () => {
  const long = CODE.filter((file) => read(file).split('\n').length > 400);
  expect(long).toEqual([]);
});

test('nothing is left for later, silenced or focused', () => {
  // The words are put together here so that this file does not find itself.
  const words = [
    'TO' + 'DO',
    'FIX' + 'ME',
    '@ts-' + 'ignore',
    '@ts-' + 'nocheck',
    'as a' + 'ny\\b',
    '\\.on' + 'ly\\(',
  ];
  expect(offenders(CODE, new RegExp(words.join('|')))).toEqual([]);
});

test('no module of Kafka, Postgres or the registry is mocked', () => {
  expect(offenders(CODE, new RegExp('vi\\.mo' + 'ck\\('))).toEqual([]);
});

test("no path of somebody's machine and no registry host is written down", () => {
  const machine = new RegExp(
    ['/ro' + 'ot/', '/ho' + 'me/\\w', 'registry\\.npm' + 'js', 'repo1?\\.ma' + 'ven'].join('|'),
  );
  expect(offenders(TEXT, machine)).toEqual([]);
});

/** kafkajs has no clock to pass in: the patch of its timer is measured against the timer's own. */
const OWN_CLOCK = 'connectors/kafka/kafkajs-patches.ts';

test('wall time, timers and chance come from infra/process', () => {
  const floors = CODE.filter(
    (file) =>
      /^(connectors|processors|schemas)\//.test(file) && !file.endsWith('/main.ts') && file !== OWN_CLOCK,
  );
  expect(offenders(floors, /\bDate\.now\(|\bMath\.random\(|\bperformance\.now\(/)).toEqual([]);
});

test('the environment and the command line are read by main files only', () => {
  const rest = CODE.filter(
    (file) => /^(connectors|processors|schemas)\//.test(file) && !file.endsWith('/main.ts'),
  );
  expect(offenders(rest, /process\.(env|argv)/)).toEqual([]);
});

test('a relative link in a document leads somewhere', () => {
  const broken = FILES.filter((file) => file.endsWith('.md')).flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map((match) => join(file, '..', match[1] ?? ''))
      .filter((target) => !existsSync(join(ROOT, target)))
      .map((target) => `${file} -> ${target}`),
  );
  expect(broken).toEqual([]);
});
