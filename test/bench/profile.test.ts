import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { packageOf, readProfile } from './profile.ts'

const top = join(import.meta.dirname, '../..')
const fileUrl = (path: string): string => pathToFileURL(join(top, path)).href
const frame = (functionName: string, url: string, lineNumber: number = 0) => ({
  functionName,
  url,
  lineNumber,
})

describe('the package of a function', () => {
  it.each([
    ['node_modules/.pnpm/express@5.3.0/node_modules/express/lib/application.js', 'express'],
    ['node_modules/.pnpm/@redis+client@5.9.0/node_modules/@redis/client/dist/index.js', '@redis/client'],
    ['packages/core/dist/latchkey.js', '@latchkey/core'],
    ['packages/express/src/middleware.ts', '@latchkey/express'],
    ['test/bench/apps/floor.ts', 'the app itself'],
  ])('of %s is %s', (path, name) => {
    expect(packageOf({ callFrame: frame('run', fileUrl(path)) })).toBe(name)
  })

  it('tells parts of Node and of the engine apart', () => {
    expect(packageOf({ callFrame: frame('run', 'node:internal/streams/readable') })).toBe(
      'node:internal/streams',
    )
    expect(packageOf({ callFrame: frame('(garbage collector)', '') })).toBe('(garbage collector)')
    expect(packageOf({ callFrame: frame('writev', '') })).toBe('native code')
  })
})

describe('readProfile', () => {
  it('sums up the time of functions themselves, without idle time', () => {
    const profile = {
      nodes: [
        { id: 1, callFrame: frame('(idle)', '') },
        { id: 2, callFrame: frame('handle', fileUrl('packages/express/dist/middleware.js'), 9) },
        { id: 3, callFrame: frame('', fileUrl('packages/core/dist/latchkey.js'), 4) },
      ],
      samples: [2, 1, 3, 2],
      timeDeltas: [10, 500, 20, 10],
    }
    expect(readProfile(JSON.stringify(profile))).toEqual({
      packages: [
        { name: '@latchkey/express', share: 0.5 },
        { name: '@latchkey/core', share: 0.5 },
      ],
      functions: [
        { name: 'handle  @latchkey/express  dist/middleware.js:10', share: 0.5 },
        { name: '(anonymous)  @latchkey/core  dist/latchkey.js:5', share: 0.5 },
      ],
    })
  })
})
