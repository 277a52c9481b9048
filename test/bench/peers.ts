import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClientName } from './client.ts';

/** Clients to compare with that are no part of this project's own installation, pinned. */
const PEERS: Readonly<Partial<Record<ClientName, readonly [name: string, version: string]>>> = {
  platformatic: ['@platformatic/kafka', '2.12.1'],
  'kafka-crab-js': ['kafka-crab-js', '5.0.0'],
};

const INSTALL_TIMEOUT_MS = 300_000;

/** Installs the peers into a folder, each on its own; returns why those that would not install are missing. */
export async function installPeers(folder: string): Promise<ReadonlyMap<ClientName, string>> {
  const missing = new Map<ClientName, string>();
  await mkdir(folder, { recursive: true });
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) await writeFile(manifest, '{"private":true}\n');
  for (const [client, [name, version]] of Object.entries(PEERS)) {
    if (installedVersion(folder, name) === version) continue;
    const reason = await install(folder, `${name}@${version}`);
    if (reason !== null) missing.set(client as ClientName, reason);
  }
  return missing;
}

function installedVersion(folder: string, name: string): string | undefined {
  const file = join(folder, 'node_modules', name, 'package.json');
  if (!existsSync(file)) return undefined;
  return (createRequire(file)(file) as { version: string }).version;
}

async function install(folder: string, what: string): Promise<string | null> {
  try {
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--save-exact', what], {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
    });
    return null;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? error.message) : String(error);
  }
}
