import { defineConfig } from 'vitest/config';
import { CountReporter } from './test/support/count-reporter.ts';

const SERVER_TESTS = ['test/**/*.pg.test.ts', 'test/**/*.kafka.test.ts', 'test/**/*.e2e.test.ts'];
const CONTAINER_TESTS = ['test/**/*.containers.test.ts'];

export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...SERVER_TESTS, ...CONTAINER_TESTS],
          maxWorkers: 2,
          // Pure code keeps nothing between files; loading the modules once is most of the speed.
          isolate: false,
        },
      },
      {
        test: {
          name: 'servers',
          include: SERVER_TESTS,
          globalSetup: ['test/support/global-stack.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
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
