import { readFileSync, writeFileSync } from 'node:fs';
import { argv, env, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Failure, describe } from '../infra/process/failure.ts';
import { type OptionSpecs, type Options, parseOptions } from '../infra/process/options.ts';
import { ROLE_OPTIONS, httpUrl } from '../infra/process/role-options.ts';
import { REPORT_FORMATS, checkReport } from './contract/check-report.ts';
import { COMPATIBILITY_LEVELS, DEFAULT_LEVEL } from './contract/compatibility-level.ts';
import { type CheckedContract, checkContracts, isCompatible } from './contract/contract-check.ts';
import { type Contract, contracts } from './contract/contracts.ts';
import { type EarlierSchemas, inGit, inRegistry } from './contract/earlier-schemas.ts';
import { registerContracts } from './contract/register-contracts.ts';
import { schemaDiff } from './contract/schema-diff.ts';
import { expectedModule } from './generate.ts';
import { type RegistrySubjects, connectSubjects } from './serde/registry-subjects.ts';
import { connectRegistry } from './serde/schema-registry.ts';

const CLIENT_ID = 'millrace-schemas';
const GIT = /^git:(?<ref>[^-].*)$/;
/** Of every action: nothing is broken and nothing has drifted, it failed, something is or has. */
const FOUND = { compatible: 0, failed: 1, incompatible: 2 } as const;

const TYPES_OPTIONS = {
  check: {
    schema: z.stringbool().default(false),
    help: 'writes nothing, and ends with 2 where the types are not those of the .avsc files',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

const REGISTRY_OPTIONS = {
  topicPrefix: ROLE_OPTIONS.topicPrefix,
  schemaRegistryUrl: {
    ...ROLE_OPTIONS.schemaRegistryUrl,
    schema: httpUrl.optional(),
  },
} as const satisfies OptionSpecs;

const AGAINST_OPTIONS = {
  against: {
    schema: z
      .string()
      .refine((text) => text === 'registry' || GIT.test(text), 'registry or git:REF is expected')
      .default('registry'),
    help: 'registry (every version there), or git:REF (the files in that commit)',
  },
  ...REGISTRY_OPTIONS,
} as const satisfies OptionSpecs;

const COMPATIBILITY_OPTIONS = {
  compatibility: {
    schema: z.enum(COMPATIBILITY_LEVELS).default(DEFAULT_LEVEL),
    help: `what schemas of result topics must be to those before: ${COMPATIBILITY_LEVELS.join(', ')}`,
  },
  format: {
    schema: z.enum(REPORT_FORMATS).default('text'),
    help: 'text, json, or github (annotations of the lines at fault)',
  },
} as const satisfies OptionSpecs;

const CHECK_OPTIONS = { ...AGAINST_OPTIONS, ...COMPATIBILITY_OPTIONS };
const REGISTER_OPTIONS = { ...REGISTRY_OPTIONS, ...COMPATIBILITY_OPTIONS };

type Action = (args: readonly string[]) => Promise<number>;

const ACTIONS: Readonly<Record<string, Action>> = {
  types: async (args) => withOptions('types', TYPES_OPTIONS, args, async ({ check }) => types(check)),
  check: async (args) => withOptions('check', CHECK_OPTIONS, args, check),
  diff: async (args) => withOptions('diff', AGAINST_OPTIONS, args, diff),
  register: async (args) => withOptions('register', REGISTER_OPTIONS, args, register),
};

const USAGE = `usage: millrace schemas ACTION [options]

  types      generates the TypeScript types of the .avsc files; --check looks only
  check      says which of them break what is in the registry or in a commit, and where
  diff       says what differs, field by field
  register   registers those of result topics, once they are compatible

millrace schemas ACTION --help lists the options of an action. Exit codes: 0 compatible, 2 not, 1 failed.
`;

async function withOptions<S extends OptionSpecs>(
  action: string,
  specs: S,
  args: readonly string[],
  run: (options: Options<S>) => Promise<number>,
): Promise<number> {
  const parsed = parseOptions(`node schemas/main.ts ${action}`, specs, args, env);
  if (parsed.kind === 'run') return run(parsed.options);
  stdout.write(parsed.text);
  return FOUND.compatible;
}

/** Writes the generated types, or says whether they are as they should be. */
function types(isCheck: boolean): number {
  const { target, text } = expectedModule();
  if (readFileSync(target, 'utf8') === text) return FOUND.compatible;
  if (!isCheck) {
    writeFileSync(target, text);
    return FOUND.compatible;
  }
  stderr.write(
    `${fileURLToPath(target)} is not what the .avsc files say: npm run millrace -- schemas types\n`,
  );
  return FOUND.incompatible;
}

async function check(options: Options<typeof CHECK_OPTIONS>): Promise<number> {
  const isRegistry = options.against === 'registry';
  const all = contracts(options.topicPrefix).filter(({ writer }) => isRegistry || writer === 'pipeline');
  const checked = await checkContracts(all, earlierSchemas(options), options.compatibility);
  stdout.write(checkReport(checked, options.format));
  return isCompatible(checked) ? FOUND.compatible : FOUND.incompatible;
}

async function diff(options: Options<typeof AGAINST_OPTIONS>): Promise<number> {
  const earlier = earlierSchemas(options);
  const all = contracts(options.topicPrefix);
  for (const contract of all.filter(({ writer }) => writer === 'pipeline'))
    stdout.write(diffText(contract, (await earlier(contract)).at(-1)));
  return FOUND.compatible;
}

function diffText(
  { subject, file, schema }: Contract,
  before: Awaited<ReturnType<EarlierSchemas>>[0] | undefined,
): string {
  if (before === undefined) return `${subject}  ${file}\n  new\n`;
  const lines = schemaDiff(before.schema, schema);
  return lines.length === 0 ? '' : `${subject}  ${file}, after ${before.label}\n  ${lines.join('\n  ')}\n`;
}

/** Registers all or, where one breaks something, nothing. */
async function register(options: Options<typeof REGISTER_OPTIONS>): Promise<number> {
  const { topicPrefix, compatibility, format } = options;
  if (types(true) !== FOUND.compatible) return FOUND.incompatible;
  const subjects = subjectsOf(options);
  const own = contracts(topicPrefix).filter(({ writer }) => writer === 'pipeline');
  const checked: readonly CheckedContract[] = await checkContracts(own, inRegistry(subjects), compatibility);
  if (!isCompatible(checked)) {
    stdout.write(checkReport(checked, format));
    return FOUND.incompatible;
  }
  const registry = connectRegistry({ url: urlOf(options), clientId: CLIENT_ID });
  await registerContracts(
    checked,
    compatibility,
    registry,
    subjects,
    (line) => void stdout.write(`${line}\n`),
  );
  return FOUND.compatible;
}

function earlierSchemas(options: Options<typeof AGAINST_OPTIONS>): EarlierSchemas {
  const ref = GIT.exec(options.against)?.groups?.['ref'];
  return ref === undefined ? inRegistry(subjectsOf(options)) : inGit(ref);
}

function subjectsOf(options: Options<typeof REGISTRY_OPTIONS>): RegistrySubjects {
  return connectSubjects(urlOf(options), CLIENT_ID);
}

function urlOf({ schemaRegistryUrl }: Options<typeof REGISTRY_OPTIONS>): string {
  if (schemaRegistryUrl !== undefined) return schemaRegistryUrl;
  throw new Failure('config.invalid', 'stop', 'there is no registry to ask', {
    fix: 'give --schema-registry-url (SCHEMA_REGISTRY_URL), or compare with a commit: --against git:main',
  });
}

try {
  const [name = '--help', ...args] = argv.slice(2);
  const action = ACTIONS[name];
  if (action === undefined && name !== '--help')
    throw new Failure('config.invalid', 'stop', `there is no action ${name}`, { fix: USAGE });
  if (action === undefined) stdout.write(USAGE);
  else exit(await action(args));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(FOUND.failed);
}
