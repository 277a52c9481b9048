import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../infra/process/clock.ts';

/** The service ends by itself when nobody has asked it anything for so long, seconds: nothing outlives a killed run. */
const IDLE_MAX_S = 60;
const START_MAX_MS = 10_000;
const POLL_MS = 50;

/**
 * Limits that hold where root may not raise its own; runc, since crun refuses a mix of cgroup versions. Used only
 * where the user has no containers.conf of his own choice.
 */
const CONTAINERS_CONF = `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "runc"
[network]
network_backend = "netavark"
`;

/** podman's Docker-compatible API, served for the length of a test run. */
export interface PodmanService extends AsyncDisposable {
  /** For DOCKER_HOST. */
  readonly url: string;
}

/** Starts `podman system service`; null when podman is not there or does not come up. */
export async function startPodmanService(
  env: Readonly<Record<string, string | undefined>>,
): Promise<PodmanService | null> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-podman-'));
  const conf = join(folder, 'containers.conf');
  await writeFile(conf, CONTAINERS_CONF);
  const socket = join(folder, 'podman.sock');
  const child = spawn('podman', ['system', 'service', `--time=${IDLE_MAX_S}`, `unix://${socket}`], {
    env: { CONTAINERS_CONF: conf, ...env },
    stdio: 'ignore',
  });
  const service: PodmanService = {
    url: `unix://${socket}`,
    async [Symbol.asyncDispose]() {
      await stop(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
  if (await answers(child, socket)) return service;
  await service[Symbol.asyncDispose]();
  return null;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function answers(child: ChildProcess, socket: string): Promise<boolean> {
  let failed = false;
  child.once('error', () => (failed = true));
  child.once('exit', () => (failed = true));
  const deadline = systemClock.now() + START_MAX_MS;
  while (!failed && systemClock.now() < deadline) {
    if (await accepts(socket)) return true;
    await systemClock.sleep(POLL_MS);
  }
  return false;
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
