import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROLE_NAMES, roleSpec } from '../../infra/local/demo/chain.ts';
import { ROOT } from './engine.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const compose = read('infra/containers/compose.yaml');

const imagesIn = (text: string): string[] =>
  [...text.matchAll(/docker\.io\/[\w/-]+:[\w.-]+/g)].map(([image]) => image).toSorted();

test('compose runs the very images that the containers provider runs', () => {
  expect(imagesIn(compose)).toEqual(imagesIn(read('infra/local/containers-provider.ts')));
});

test("compose's Kafka is the version of the local stack", () => {
  const version = /<kafka\.version>(.+)<\/kafka\.version>/.exec(read('infra/local/pom.xml'))?.[1];
  expect(imagesIn(compose)).toContain(`docker.io/apache/kafka:${version}`);
});

test('what compose mounts is there', () => {
  const mounts = [...compose.matchAll(/- (\.\.?\/[^:\s]+):/g)].map((match) => match[1] ?? '');
  expect(mounts).toContain('../local/demo/source-tables.sql');
  for (const mount of mounts) expect(read(join('infra/containers', mount)), mount).not.toBe('');
});

test.each(ROLE_NAMES)('compose runs %s as the demo does', (name) => {
  const place = {
    kafkaBrokers: '',
    registryUrl: '',
    sourceUrl: '',
    targetUrl: '',
    topicPrefix: 'millrace',
  };
  const { main, env } = roleSpec(name, place);
  const service = new RegExp(`^  ${name}:\\n((?:    .*\\n|\\n)+)`, 'm').exec(compose)?.[1] ?? '';
  expect(service).toContain(`[${main}]`);
  for (const key of ['MILLRACE_TABLES', 'MILLRACE_PIPELINE'])
    if (env[key] !== undefined) expect(service).toContain(`${key}: ${env[key]}`);
});

test('every published port is in the table, and bound to this machine only', () => {
  const published = [...compose.matchAll(/'127\.0\.0\.1:(\d+):\d+'/g)].map(([, port]) => Number(port));
  const listed = [...compose.matchAll(/^# \| (\d+) /gm)].map(([, port]) => Number(port));
  expect(new Set(published)).toEqual(new Set(listed));
  expect(compose.match(/ports:/g)).toHaveLength(published.length);
});
