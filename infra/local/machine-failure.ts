import { Failure } from '../process/failure.ts';

/**
 * An error of the machine (no space, no permission, program missing) as one clear Failure; others pass unchanged.
 * `place` is the folder or program at hand, for the message.
 */
export function asMachineFailure(error: unknown, place: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return noSpace(place, error);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new Failure('local.no_permission', 'stop', `no permission to write or run ${place}`, {
        cause: error,
        fix: `run as a user who may, change the owner of ${place}, or set TMPDIR to a folder that is writable`,
      });
    default:
      return error;
  }
}

/** @param cause what the system or a program said, if anything */
export function noSpace(place: string, cause?: unknown): Failure {
  return new Failure('local.no_space', 'stop', `no space left on the disk that holds ${place}`, {
    cause,
    fix: `free some space there (the local stack needs about 1 GB), or set TMPDIR to a disk with more`,
  });
}
