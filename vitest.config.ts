import { defineConfig } from 'vitest/config'

// Vitest hands these to Node as --conditions, where `import` would also apply to require() and break CommonJS packages.
const source = { conditions: ['@latchkey/source', 'node'] }

/** What Fastify must do just as Express does. */
const onBoth = [
  'accounts-*',
  'express-app-session',
  'express-require-login',
  'leak-oracle',
  'request-costs',
  'sign-in',
  'threats-*',
].map((name) => `test/integration/${name}.test.ts`)

export default defineConfig({
  resolve: source,
  ssr: { resolve: { ...source, externalConditions: source.conditions } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Several suites share the machine's cores, so what must come may take its time.
    expect: { poll: { timeout: 10_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'fastify', include: onBoth, env: { LATCHKEY_TEST_FRAMEWORK: 'fastify' } },
      },
    ],
  },
})
