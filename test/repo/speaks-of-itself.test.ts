import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { filesBelow, read, root } from './source-files.ts'

/** Put together from pieces, so that this file does not hold what it looks for. */
const foreign: Readonly<Record<string, RegExp>> = {
  'a path of one machine': new RegExp(
    ['/wor' + 'k/', '/far' + 'm/', '/roo' + 't/', '/hom' + 'e/\\w+/', '/Use' + 'rs/\\w+/'].join('|'),
  ),
  'the host of a package registry': new RegExp(
    ['registry\\.np' + 'mjs', 'registry\\.yar' + 'npkg', 'deb\\.deb' + 'ian'].join('|'),
  ),
  'the name of a document that is elsewhere': new RegExp(
    `\\b(?:${['DES' + 'IGN', 'PROVI' + 'DERS', 'THR' + 'EATS'].join('|')})\\b`,
  ),
}

const files = filesBelow('.').filter((file) => !/\.(tgz|png|ico|tsbuildinfo)$/.test(file))

describe('the repository', () => {
  it.each(Object.entries(foreign))('does not hold %s', (_, pattern) => {
    const found = files.flatMap((file) => {
      const hit = pattern.exec(read(file))?.[0]
      return hit === undefined ? [] : [`${file}: ${hit}`]
    })
    expect(found).toEqual([])
  })

  it('has the top level that is agreed on, and dotfiles', () => {
    const top = readdirSync(root).filter((name) => !name.startsWith('.') && name !== 'node_modules')
    expect(top.sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'examples',
      'package.json',
      'packages',
      'pnpm-lock.yaml',
      'pnpm-workspace.yaml',
      'test',
      'tsconfig.base.json',
      'tsconfig.json',
      'turbo.json',
      'vitest.config.ts',
    ])
  })
})
