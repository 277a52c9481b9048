import { expect, test } from 'vitest';
import { externalProvider } from '../../../infra/local/external-provider.ts';
import { onFreePorts } from '../../../infra/local/free-ports.ts';

const onProgress = (): void => undefined;

test('every server that does not answer is named at once, and no password is', async () => {
  const [port = 0] = await onFreePorts(1, (ports) => Promise.resolve(ports));
  const external = {
    kafkaBrokers: `127.0.0.1:${port}`,
    registryUrl: `http://127.0.0.1:${port}/apis`,
    sourceUrl: `postgresql://me:secret@127.0.0.1:${port}/postgres`,
    targetUrl: 'nonsense',
  };
  const error: unknown = await externalProvider()
    .start({ provider: 'external', onProgress, external })
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'local.external_unfit' });
  const { message } = error as Error;
  expect(message).toMatch(`source Postgres 127.0.0.1:${port} does not answer`);
  expect(message).toMatch('target Postgres (not a URL) does not answer');
  expect(message).toMatch(`Kafka does not answer: 127.0.0.1:${port}`);
  expect(message).toMatch(`registry does not answer at http://127.0.0.1:${port}/apis/subjects`);
  expect(message).not.toContain('secret');
});

test('without URLs it says which ones', async () => {
  await expect(externalProvider().start({ provider: 'external', onProgress })).rejects.toMatchObject({
    code: 'local.external_missing',
    fix: expect.stringContaining('all four'),
  });
});
