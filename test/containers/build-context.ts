import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './engine.ts';

/** What Dockerfile.dockerignore lets through: paths in the repository. */
export function allowedPaths(): string[] {
  const ignore = readFileSync(join(ROOT, 'infra/containers/Dockerfile.dockerignore'), 'utf8');
  return [...ignore.matchAll(/^!(.+)$/gm)].map(([, path]) => path ?? '');
}

/** A folder with those paths only. podman's remote client takes a minute to walk past node_modules otherwise. */
export function buildContext(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'millrace-context-'));
  for (const name of allowedPaths()) cpSync(join(ROOT, name), join(path, name), { recursive: true });
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}
