import { expect, test } from 'vitest';
import { authenticateScram } from '../../../connectors/kafka/scram.ts';

/** The exchange of RFC 7677, section 3. */
const RFC = {
  user: { username: 'user', password: 'pencil' },
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

/** A server that says this, whatever it hears. */
async function talk(answers: readonly string[], user = RFC.user): Promise<readonly string[]> {
  const heard: string[] = [];
  await authenticateScram('SCRAM-SHA-256', user, RFC.nonce, async (message) => {
    heard.push(message.toString());
    return Buffer.from(answers[heard.length - 1] ?? '');
  });
  return heard;
}

test('the exchange is that of RFC 7677', async () => {
  expect(await talk([RFC.serverFirst, RFC.serverFinal])).toEqual([RFC.clientFirst, RFC.clientFinal]);
});

test('a server that does not know the password is not believed', async () => {
  const forged = `v=${Buffer.alloc(32).toString('base64')}`;
  await expect(talk([RFC.serverFirst, forged])).rejects.toThrow('could not prove that it knows the password');
  await expect(talk([RFC.serverFirst, ''])).rejects.toThrow('could not prove that it knows the password');
});

test.each([
  ['a nonce that is not extended', RFC.serverFirst.replace('%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0', ''), 'nonce'],
  ['the nonce of another client', RFC.serverFirst.replace('r=r', 'r=s'), 'nonce'],
  ['too few iterations to guard the password', RFC.serverFirst.replace('4096', '1'), '1 iterations'],
  ['iterations without end', RFC.serverFirst.replace('4096', '4000000000'), '4000000000 iterations'],
  ['no iterations', RFC.serverFirst.replace(',i=4096', ''), 'iterations'],
] as const)('%s ends the exchange before the proof is told', async (_, serverFirst, problem) => {
  await expect(talk([serverFirst, RFC.serverFinal])).rejects.toThrow(problem);
});

test('what the server says against it is told', async () => {
  await expect(talk([RFC.serverFirst, 'e=invalid-proof'])).rejects.toThrow('the server says invalid-proof');
});

test('a user name may hold the characters that separate', async () => {
  const user = { username: 'a=b,c', password: 'pencil' };
  const heard: string[] = [];
  const exchange = async (message: Buffer): Promise<Buffer> => {
    heard.push(message.toString());
    return Buffer.from('e=other-error');
  };
  await expect(authenticateScram('SCRAM-SHA-512', user, 'n', exchange)).rejects.toThrow('other-error');
  expect(heard).toEqual(['n,,n=a=3Db=2Cc,r=n']);
});
