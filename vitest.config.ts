import { defineConfig } from 'vitest/config'

const source = { conditions: ['@latchkey/source', 'node', 'import', 'default'] }

export default defineConfig({
  resolve: source,
  ssr: { resolve: { ...source, externalConditions: source.conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
