import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { Failure } from '../process/failure.ts';
import type { ServerCommand } from './server-process.ts';

const TAIL_LINES = 15;
/** A tool that waits for a cluster which does not answer is ended. Milliseconds. */
const TOOL_MAX_MS = 180_000;

/**
 * Runs a program to its end. Its output is kept apart from its errors, so that it can be parsed.
 * @returns its standard output
 * @throws Failure `local.program_failed` with the last lines of its error output
 */
export async function runKafkaTool(program: Omit<ServerCommand, 'stopSignals'>, input = ''): Promise<string> {
  const child = spawn(program.command, program.args, {
    env: program.env,
    stdio: 'pipe',
    timeout: TOOL_MAX_MS,
    killSignal: 'SIGKILL',
  });
  const outputs = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  // A tool that ends before it has read its input has said why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [output, errors, [code, signal]] = await outputs;
  if (code !== 0) throw toolFailure(program.name, `${signal ?? `exit code ${code}`}`, `${output}\n${errors}`);
  return output;
}

/** @param how it ended */
export function toolFailure(name: string, how: string, output: string): Failure {
  const lines = output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n    ');
  return new Failure('local.program_failed', 'stop', `${name} failed (${how}):\n    ${lines}`);
}
