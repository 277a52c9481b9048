import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends a child by SIGKILL when this process is gone, however it went: a shell holds a pipe to this process and waits
 * for its end. Tests start roles that would otherwise go on for ever, looking for servers that are gone.
 */
export function dieWithParent(child: ChildProcess): void {
  const script = 'cat >/dev/null; kill -9 "$0" 2>/dev/null';
  const guard = spawn('/bin/sh', ['-c', script, String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  child.once('exit', () => guard.kill('SIGKILL'));
}
