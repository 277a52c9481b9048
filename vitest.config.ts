import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { POSTGRES_RELEASES } from './infra/local/postgres-releases.ts';
import { CountReporter } from './test/support/count-reporter.ts';

const SERVER_TESTS = ['test/**/*.pg.test.ts', 'test/**/*.kafka.test.ts', 'test/**/*.e2e.test.ts'];
const CONTAINER_TESTS = ['test/**/*.containers.test.ts'];
const SOURCE_SERVER_TESTS = ['pg', 'kafka'].map(
  (servers) => `test/connectors/postgres-source/*.${servers}.test.ts`,
);
// They start brokers of their own and bend those, whichever Postgres supplies the rows.
const CLUSTER_TESTS = ['test/**/*.cluster.kafka.test.ts'];

// More than the two processors of a small machine: most tests wait for servers, or for a time to pass.
const WORKERS_MAX = 3;

// Hundreds of roles are started: each would strip and compile the same files again.
const ROLE_ENV = { NODE_COMPILE_CACHE: join(import.meta.dirname, '.cache', 'compile') };

export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...SERVER_TESTS, ...CONTAINER_TESTS],
          // Some start a program, which takes its time where others have the processors.
          testTimeout: 60_000,
          maxWorkers: WORKERS_MAX,
          // Pure code keeps nothing between files; loading the modules once is most of the speed.
          isolate: false,
          env: ROLE_ENV,
        },
      },
      {
        test: {
          name: 'servers',
          include: SERVER_TESTS,
          globalSetup: ['test/support/global-stack.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: WORKERS_MAX,
          env: ROLE_ENV,
        },
      },
      ...Object.keys(POSTGRES_RELEASES).map((major) => ({
        test: {
          name: `postgres-${major}`,
          include: SOURCE_SERVER_TESTS,
          exclude: CLUSTER_TESTS,
          globalSetup: ['test/support/global-stack.ts', 'test/support/older-postgres.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: WORKERS_MAX,
          env: ROLE_ENV,
        },
      })),
      {
        test: {
          name: 'containers',
          include: CONTAINER_TESTS,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
