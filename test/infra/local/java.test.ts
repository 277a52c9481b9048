import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findJava, javaMajor } from '../../../infra/local/java.ts';
import { bareMachine, scratchFolder, writeProgram } from './scratch.ts';

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_392"', 8],
  ['openjdk version "25" 2025-09-16', 25],
  ['no such thing', 0],
])('%s is Java %i', (text, major) => {
  expect(javaMajor(text)).toBe(major);
});

test('a machine without Java is told what to install', async () => {
  using folder = scratchFolder();
  expect(await findJava(bareMachine(folder.path))).toEqual({
    problem: expect.stringMatching(/no Java found.*apt-get install openjdk-17.*brew install openjdk@17/),
  });
});

test('an old Java is named with its version', async () => {
  using folder = scratchFolder();
  writeProgram(join(folder.path, 'java'), `echo 'openjdk version "11.0.2"' >&2`);
  expect(await findJava(bareMachine(folder.path))).toEqual({
    problem: expect.stringMatching(/java is Java 11, and Kafka needs 17 or newer/),
  });
});

test('JAVA_HOME goes before the PATH', async () => {
  using folder = scratchFolder();
  const home = join(folder.path, 'home');
  const machine = bareMachine(folder.path, { JAVA_HOME: home });
  expect(await findJava(machine)).toEqual({ problem: expect.stringContaining(join(home, 'bin', 'java')) });
});
