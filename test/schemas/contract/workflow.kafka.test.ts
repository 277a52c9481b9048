import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { connectSubjects } from '../../../schemas/serde/registry-subjects.ts';
import { type SchemaRegistry, connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { topics } from '../../../schemas/topics.ts';
import { CASES } from './compatibility-cases.ts';

const MAIN = fileURLToPath(new URL('../../../schemas/main.ts', import.meta.url));

const newPrefix = (): string => `test-${randomBytes(6).toString('hex')}`;
const url = (): string => inject('registryUrl');
const connect = (): SchemaRegistry => connectRegistry({ url: url(), clientId: 'test' });
/** That of a processor with `--auto-register-schemas false`. */
const lookUp = (): SchemaRegistry =>
  connectRegistry({ url: url(), clientId: 'test', registeredBy: 'millrace schemas register' });

/** What `millrace schemas` prints, and how it ends. */
function schemas(
  prefix: string,
  action: string,
  ...args: readonly string[]
): Promise<[code: number, text: string]> {
  const all = [MAIN, action, '--topic-prefix', prefix, '--schema-registry-url', url(), ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, all, (error, stdout) => resolve([Number(error?.code ?? 0), stdout]));
  });
}

async function isTaken(subject: string, schema: AvroSchema): Promise<boolean> {
  const answer = await fetch(`${url()}/compatibility/subjects/${subject}/versions/latest`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  return ((await answer.json()) as { readonly is_compatible: boolean }).is_compatible;
}

test('the registry says of every case what the checker says, but where it is lax', async () => {
  const subjects = connectSubjects(url(), 'test');
  const prefix = newPrefix();
  const answers = CASES.map(async ({ name, before, now }, i) => {
    const subject = `${prefix}-${i}`;
    await connect().register(subject, before);
    await subjects.setLevel(subject, 'BACKWARD');
    const backward = await isTaken(subject, now);
    await subjects.setLevel(subject, 'FORWARD');
    return { name, backward, forward: await isTaken(subject, now) };
  });
  const expected = CASES.map(({ name, backward, forward, isRegistryLax = false }) => ({
    name,
    backward: isRegistryLax || backward.length === 0,
    forward: isRegistryLax || forward.length === 0,
  }));
  expect(await Promise.all(answers)).toEqual(expected);
});

test('a processor that registers nothing takes what schemas register has registered, and the registry keeps to it', async () => {
  const prefix = newPrefix();
  const subject = `${prefix}.carts-value`;
  const { value } = topics.carts;
  await expect(lookUp().register(subject, value)).rejects.toMatchObject({
    code: 'registry.not_registered',
    fix: 'register it: millrace schemas register',
  });
  expect(await connect().latest(subject)).toBeNull();
  const [code, text] = await schemas(prefix, 'register');
  expect([code, text]).toEqual([
    0,
    expect.stringMatching(new RegExp(`^${subject}: schema \\d+ registered, FULL_TRANSITIVE$`, 'm')),
  ]);
  expect(text).not.toContain('public.');
  expect(await lookUp().register(subject, value)).toBe((await connect().latest(subject))?.id);
  expect(await connectSubjects(url(), 'test').level(subject)).toBe('FULL_TRANSITIVE');
  const other = { ...(value as object), fields: [] } as unknown as AvroSchema;
  await expect(connect().register(subject, other)).rejects.toMatchObject({ code: 'registry.incompatible' });
  expect(await schemas(prefix, 'check')).toEqual([
    0,
    expect.stringContaining(`✓ ${subject}  FULL_TRANSITIVE`),
  ]);
  expect(await schemas(prefix, 'diff')).toEqual([0, '']);
});

test('nothing is registered where one file breaks what is there, and its line is told', async () => {
  const prefix = newPrefix();
  const before = {
    type: 'record',
    name: 'Value',
    namespace: 'superstore.carts',
    fields: [{ name: 'gone', type: 'int' }],
  };
  await connect().register(`${prefix}.carts-value`, before as unknown as AvroSchema);
  const [code, text] = await schemas(prefix, 'register');
  expect(code).toBe(2);
  expect(text).toContain('keep gone: those who read it have no default for it');
  expect(await connect().latest(`${prefix}.carts-key`)).toBeNull();
  const [checked, report] = await schemas(
    prefix,
    'check',
    '--format',
    'github',
    '--compatibility',
    'FORWARD',
  );
  expect(checked).toBe(2);
  expect(report).toMatch(/^::error file=schemas\/superstore\/cart\.avsc,line=\d+,title=READER_FIELD_MISSING/);
});
