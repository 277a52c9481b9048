import { Failure, describe } from './failure.ts';
import { EXIT, runUntilSignal } from './lifecycle.ts';
import { type Log, createLog } from './log.ts';
import { type OptionSpecs, type Options, parseOptions } from './options.ts';
import type { ROLE_OPTIONS } from './role-options.ts';

/** Every role has a log, so every role has its level among its options. */
type RoleOptions = OptionSpecs & Pick<typeof ROLE_OPTIONS, 'logLevel'>;

interface Role<S extends RoleOptions> {
  /** source, processor or sink: the log's component. */
  readonly name: string;
  /** How it is called, for the help. */
  readonly command: string;
  readonly options: S;
  /** Looks at options together. @throws Failure `config.invalid` */
  readonly verify?: (options: Options<S>) => unknown;
  readonly run: (options: Options<S>, log: Log, signal: AbortSignal) => Promise<void>;
}

/** The life of a container: options, or what is wrong with them in plain text; then `run` until a signal. */
export async function runRole<S extends RoleOptions>(
  role: Role<S>,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const options = optionsOf(role, argv, env);
  if (options === null) return;
  const log = createLog(options.logLevel, role.name);
  await runUntilSignal(log, (signal) => role.run(options, log, signal));
}

/** Null when nothing is to be run: the help is printed, or the exit code says that the options are bad. */
function optionsOf<S extends RoleOptions>(
  role: Role<S>,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Options<S> | null {
  try {
    const parsed = parseOptions(role.command, role.options, argv, env);
    if (parsed.kind === 'run') {
      role.verify?.(parsed.options);
      return parsed.options;
    }
    process.stdout.write(parsed.text);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`error: ${describe(error)}\n`);
    process.exitCode = EXIT.config;
  }
  return null;
}
