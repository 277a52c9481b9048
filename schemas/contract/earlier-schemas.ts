import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../infra/process/failure.ts';
import type { RegistrySubjects } from '../serde/registry-subjects.ts';
import type { EarlierSchema } from './compatibility-level.ts';
import { type Contract, ROOT, SCHEMA_FOLDER, contractSchema } from './contracts.ts';

/** Looks up what a contract was before, oldest first; nothing when it is new. */
export type EarlierSchemas = (contract: Contract) => Promise<readonly EarlierSchema[]>;

/** Every version that the subject has in the registry. */
export function inRegistry(subjects: RegistrySubjects): EarlierSchemas {
  return async ({ subject }) => {
    const versions = await subjects.versions(subject);
    return versions.map(({ version, schema }) => ({ label: `version ${version}`, schema }));
  };
}

/**
 * The file as it is in a commit. That is no schema before for what the source writes, whose schemas are not in files.
 * @throws Failure `config.invalid` when git does not know `ref`
 */
export function inGit(ref: string): EarlierSchemas {
  const files = new Set(git('ls-tree', '-r', '--name-only', ref, '--', SCHEMA_FOLDER).split('\n'));
  return async ({ file }) => {
    if (!files.has(file)) return [];
    return [{ label: ref, schema: contractSchema(git('show', `${ref}:./${file}`), `${ref}:${file}`) }];
  };
}

function git(...args: readonly string[]): string {
  try {
    return execFileSync('git', args, { cwd: fileURLToPath(ROOT), encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Failure('config.invalid', 'stop', `git ${args.join(' ')} failed`, {
      cause: error,
      fix: 'name a commit that is here: a shallow clone has one alone (git fetch origin main:main)',
    });
  }
}
