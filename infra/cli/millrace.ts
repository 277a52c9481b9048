#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { argv, env, execPath, exit, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { EXIT } from '../process/lifecycle.ts';

interface Command {
  readonly name: string;
  /** In the repository. */
  readonly module: string;
  readonly help: string;
  /** Modules of the roles that have one of their own, by what stands behind `--role`. */
  readonly roles?: Readonly<Record<string, string>>;
}

const COMMANDS: readonly Command[] = [
  {
    name: 'source',
    module: 'connectors/postgres-source/main.ts',
    help: 'reads the WAL of Postgres into topics',
  },
  { name: 'processor', module: 'processors/main.ts', help: 'runs a pipeline: topics to topics' },
  {
    name: 'sink',
    module: 'connectors/postgres-sink/main.ts',
    help: 'keeps tables of Postgres equal to topics',
  },
  {
    name: 'describe',
    module: 'processors/describe.ts',
    help: 'explains a pipeline: topology, topics, tasks, stores, results; as text, Mermaid, JSON',
  },
  {
    name: 'plan',
    module: 'processors/plan.ts',
    help: 'says what an upgrade means for the state: plan diff PIPELINE --from FILE',
  },
  {
    name: 'why',
    module: 'processors/why.ts',
    help: 'prints what a running processor has pending for a key, and until when',
  },
  {
    name: 'reset',
    module: 'processors/reset.ts',
    help: 'has a pipeline begin anew from the first record; shows first what it would do',
  },
  {
    name: 'backfill',
    module: 'connectors/postgres-source/backfill.ts',
    help: 'has a table copied again, and follows the copy',
  },
  {
    name: 'schemas',
    module: 'schemas/main.ts',
    help: 'the .avsc files as contracts: schemas types|check|diff|register',
  },
  {
    name: 'sql',
    module: 'connectors/postgres-source/sql.ts',
    roles: {
      sink: 'connectors/postgres-sink/sql.ts',
      reader: 'connectors/postgres-sink/sql.ts',
    },
    help: 'prints what a database has to grant: sql --role source|sink|reader',
  },
  {
    name: 'acls',
    module: 'processors/acls.ts',
    help: 'prints what the brokers have to allow: acls --role source|processor|sink',
  },
  {
    name: 'rebuild',
    module: 'connectors/postgres-sink/rebuild/main.ts',
    help: 'fills a target table anew beside the old one and swaps them; readers notice nothing',
  },
  {
    name: 'reconcile',
    module: 'connectors/postgres-sink/reconcile/main.ts',
    help: 'compares a target table with the query over the source that it stands for',
  },
  {
    name: 'export',
    module: 'connectors/postgres-sink/export/main.ts',
    help: 'describes target tables to other tools: export dbt',
  },
];

function moduleOf({ module, roles = {} }: Command, args: readonly string[]): string {
  const flag = args.findIndex((arg) => arg === '--role' || arg.startsWith('--role='));
  const role = flag < 0 ? env['MILLRACE_ROLE'] : (args[flag]?.split('=', 2)[1] ?? args[flag + 1]);
  return roles[role ?? ''] ?? module;
}

const help = (): string => {
  const lines = COMMANDS.map((command) => `  ${command.name.padEnd(11)}${command.help}`);
  return `usage: millrace COMMAND [options]\n\n${lines.join('\n')}\n\nmillrace COMMAND --help lists the options of a command.\n`;
};

/** Each command is the program that its container runs; what it is given is what stands behind its name. */
const [, , name = '--help', ...rest] = argv;
const command = COMMANDS.find((candidate) => candidate.name === name);
if (command !== undefined) {
  // Kept between starts: half of the time until a role works, and 20 MiB that stripping types leaves behind.
  enableCompileCache();
  const module = new URL(`../../${moduleOf(command, rest)}`, import.meta.url);
  argv.splice(0, argv.length, execPath, fileURLToPath(module), ...rest);
  await import(module.href);
} else if (name === '--help' || name === 'help') stdout.write(help());
else {
  stderr.write(`error: there is no command ${name}\n\n${help()}`);
  exit(EXIT.config);
}
