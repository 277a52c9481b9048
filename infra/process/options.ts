import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { Failure } from './failure.ts';

/**
 * One option, declared once: flag, environment variable, help line and type all follow from it.
 * `kafkaBrokers` is `--kafka-brokers` and `MILLRACE_KAFKA_BROKERS`.
 */
export interface OptionSpec {
  /** Parses the text; a default makes the option optional. */
  readonly schema: z.ZodType;
  readonly help: string;
  /** Read when the MILLRACE_ variable is not set, for names that the field already uses (`PGHOST`). */
  readonly envFallback?: string;
  /** Shown in the help instead of the default. Secrets are never echoed, and may come from a file that `<variable>_FILE` names. */
  readonly secret?: boolean;
  /** A flag without a value: given means `true`. In the environment it is written out, `true` or `false`. */
  readonly isSwitch?: boolean;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;
export type Options<S extends OptionSpecs> = { readonly [K in keyof S]: z.output<S[K]['schema']> };

/** What the command line asks for: options to run with, or a help text to print. */
export type ParsedOptions<S extends OptionSpecs> =
  | { readonly kind: 'run'; readonly options: Options<S> }
  | { readonly kind: 'help'; readonly text: string };

/** `kafkaBrokers` as `kafka-brokers`. */
export const flagOf = (name: string): string => name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
/** `kafkaBrokers` as `MILLRACE_KAFKA_BROKERS`. */
export const envOf = (name: string): string => `MILLRACE_${flagOf(name).replaceAll('-', '_').toUpperCase()}`;

/**
 * Flag over environment over default.
 * @throws Failure `config.invalid` that lists every problem at once, each with flag and variable; a secret's file that
 * cannot be read comes first, alone
 */
export function parseOptions<S extends OptionSpecs>(
  command: string,
  specs: S,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ParsedOptions<S> {
  const flags = readFlags(specs, argv);
  if (flags['help'] === true) return { kind: 'help', text: helpText(command, specs) };
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const flag = flags[flagOf(name)];
    const result = spec.schema.safeParse(flag === undefined ? fromEnv(name, spec, env) : String(flag));
    if (result.success) values[name] = result.data;
    else
      problems.push(
        `--${flagOf(name)} (${envOf(name)}): ${result.error.issues.map((i) => i.message).join(', ')}`,
      );
  }
  if (problems.length > 0)
    throw new Failure(
      'config.invalid',
      'stop',
      `${problems.length} bad option(s):\n  ${problems.join('\n  ')}`,
      {
        fix: `see ${command} --help`,
      },
    );
  return { kind: 'run', options: values as Options<S> };
}

function readFlags(
  specs: OptionSpecs,
  argv: readonly string[],
): Record<string, string | boolean | undefined> {
  const options: Record<string, { type: 'string' | 'boolean' }> = { help: { type: 'boolean' } };
  for (const [name, spec] of Object.entries(specs))
    options[flagOf(name)] = { type: spec.isSwitch ? 'boolean' : 'string' };
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new Failure('config.invalid', 'stop', 'bad command line', { cause: error });
  }
}

function fromEnv(
  name: string,
  spec: OptionSpec,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  for (const variable of [envOf(name), spec.envFallback]) {
    if (variable === undefined) continue;
    const direct = env[variable];
    if (direct !== undefined) return direct;
    const file = env[`${variable}_FILE`] ?? '';
    if (spec.secret && file !== '') return readSecret(variable, file);
  }
  return undefined;
}

function readSecret(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd();
  } catch (error) {
    throw new Failure('config.invalid', 'stop', `${variable}_FILE cannot be read`, { cause: error });
  }
}

function helpText(command: string, specs: OptionSpecs): string {
  const lines = Object.entries(specs).map(([name, spec]) => {
    const value = spec.secret ? 'secret' : presence(spec);
    const also = spec.envFallback === undefined ? '' : `, ${spec.envFallback}`;
    const file = spec.secret ? '; a file by .._FILE' : '';
    return `  --${flagOf(name)}${spec.isSwitch ? '' : ' VALUE'}\n      ${spec.help} (${value}; env ${envOf(name)}${also}${file})`;
  });
  return `usage: ${command} [options]\n\n${lines.join('\n')}\n  --help\n      this text\n`;
}

function presence(spec: OptionSpec): string {
  const { success, data } = spec.schema.safeParse(undefined);
  if (!success) return 'required';
  if (data === undefined) return 'optional';
  return `default ${typeof data === 'string' ? data : JSON.stringify(data)}`;
}
