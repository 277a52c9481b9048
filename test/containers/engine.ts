import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { containersProvider } from '../../infra/local/containers-provider.ts';
import { startPodmanService } from './podman-service.ts';

/** The repository's root: the build context of the image. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STAND_INS = fileURLToPath(new URL('stand-ins/make-stand-ins.sh', import.meta.url));

const NO_REGISTRY =
  'where no image registry can be reached: apt-get install podman runc debootstrap maven, then MILLRACE_STAND_INS=1 npm run test:containers';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container engine by its command line, for what a person would type. */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  run(...args: readonly string[]): Promise<CommandResult>;
  /** Standard output. @throws Error with both streams when the exit code is not 0 */
  must(...args: readonly string[]): Promise<string>;
}

/** The engine that answers, or the reason why there is none, with what to install. */
export async function findEngine(env: NodeJS.ProcessEnv): Promise<Engine | string> {
  const standIns = env['MILLRACE_STAND_INS'] === '1';
  await using cleanup = new AsyncDisposableStack();
  if (standIns) {
    // Without a registry there is no image of the Testcontainers reaper; the tests stop what they start.
    env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
    if (env['DOCKER_HOST'] === undefined) {
      const service = await startPodmanService(env);
      if (service !== null) env['DOCKER_HOST'] = cleanup.use(service).url;
    }
  }
  const problem = await containersProvider().unavailable();
  if (problem !== null) return `${problem}; ${NO_REGISTRY}`;
  const cli = await findCli(env);
  if (cli === null)
    return `an engine answers, but neither the podman nor the docker command reaches it; ${NO_REGISTRY}`;
  if (standIns) await makeStandIns(env, cli.name);
  const kept = cleanup.move();
  return { ...cli, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

type Cli = Omit<Engine, typeof Symbol.asyncDispose>;

/** podman first: its own service refuses some of what the docker command asks of a builder. */
async function findCli(env: NodeJS.ProcessEnv): Promise<Cli | null> {
  const url = env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock';
  const candidates = [commandLine('podman', ['--remote', '--url', url]), commandLine('docker', [])];
  for (const cli of candidates) if ((await cli.run('image', 'ls', '--quiet')).exitCode === 0) return cli;
  return null;
}

function commandLine(name: string, global: readonly string[]): Cli {
  const run = (...args: readonly string[]): Promise<CommandResult> => execute(name, [...global, ...args]);
  return {
    name,
    run,
    async must(...args) {
      const { exitCode, stdout, stderr } = await run(...args);
      if (exitCode !== 0)
        throw new Error(`${name} ${args.join(' ')} exited with ${exitCode}:\n${stdout}\n${stderr}`);
      return stdout.trim();
    },
  };
}

async function makeStandIns(env: NodeJS.ProcessEnv, cli: string): Promise<void> {
  const { exitCode, stderr } = await execute(STAND_INS, [], { ...env, MILLRACE_ENGINE_CLI: cli });
  process.stderr.write(stderr);
  if (exitCode !== 0) throw new Error(`making the stand-in images failed:\n${stderr}`);
}

/** A command that is not there exits with 127, as in a shell. */
async function execute(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 1));
  });
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { exitCode, stdout, stderr };
}
