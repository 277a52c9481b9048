import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allowedPaths } from './build-context.ts';
import { ROOT } from './engine.ts';

const dockerfile = readFileSync(join(ROOT, 'infra/containers/Dockerfile'), 'utf8');

test('the build context holds what the Dockerfile copies, and nothing else', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
    ([, paths]) => paths?.split(' ') ?? [],
  );
  expect(new Set(allowedPaths())).toEqual(new Set(copied));
});

test('both stages build on one base image, pinned to the runtime that package.json asks for', () => {
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
  const major = /"node": ">=(\d+)"/.exec(readFileSync(join(ROOT, 'package.json'), 'utf8'))?.[1];
  expect(bases).toEqual(Array(2).fill(`docker.io/library/node:${major}-bookworm-slim`));
});
