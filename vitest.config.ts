import { defineConfig } from 'vitest/config'

// Vitest hands these to Node as --conditions, where `import` would also apply to require() and break CommonJS packages.
const source = { conditions: ['@latchkey/source', 'node'] }

export default defineConfig({
  resolve: source,
  ssr: { resolve: { ...source, externalConditions: source.conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Several suites share the machine's cores, so what must come may take its time.
    expect: { poll: { timeout: 10_000 } },
  },
})
