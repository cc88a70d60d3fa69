import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { firstCodeBlock } from './code-block.ts'
import { filesBelow, packageFolders, read, root } from './source-files.ts'

const readmes = ['README.md', ...packageFolders().map((folder) => `${folder}/README.md`)]

describe('the README', () => {
  it('shows the quick-start example, letter by letter, as its first program', () => {
    expect(firstCodeBlock('README.md')).toBe(read('examples/quick-start/server.ts'))
  })

  it.each(readmes)('%s shows runnable code before line 15, in at most 12 lines', (file) => {
    const lines = read(file).split('\n')
    expect(lines.findIndex((line) => line.startsWith('```'))).toBeLessThan(14)
    expect(
      firstCodeBlock(file)
        .split('\n')
        .filter((line) => line !== '').length,
    ).toBeLessThanOrEqual(12)
  })

  it.each(filesBelow('.').filter((file) => file.endsWith('.md')))(
    '%s links only to files that exist',
    (file) => {
      const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1] ?? '')
      expect(links.filter((link) => !existsSync(join(root, dirname(file), link)))).toEqual([])
    },
  )
})

describe('the README of @latchkey/express', () => {
  const readme = read('packages/express/README.md')
  it.each([
    ['option', 'packages/core/src/options.ts', /NamesOf<LatchkeyOptions> = \{(.*?)\n\}/s],
    ['error code', 'packages/core/src/errors.ts', /statusOfCode = \{(.*?)\n\}/s],
    ['reason of login_required', 'packages/core/src/errors.ts', /type LoginRequiredReason =\n(.*?)\n\n/s],
    ['event', 'packages/core/src/events.ts', /NamesOf<LatchkeyEvents> = \{(.*?)\n\}/s],
    ['member of auth', 'packages/core/src/adapter/app-members.ts', /appMembers = \[(.*?)\n\]/s],
    ['member of req.oauth', 'packages/core/src/request-oauth.ts', /interface RequestAccess[^{]*\{(.*?)\n\}/s],
    [
      'member of an account',
      'packages/core/src/request-oauth/account.ts',
      /interface Account<[^{]*\{(.*?)\n\}/s,
    ],
    ['member of ApiAccess', 'packages/core/src/fetch/api-access.ts', /interface ApiAccess \{(.*?)\n\}/s],
  ])('names every %s', (_, file, list) => {
    const [, inside = ''] = list.exec(read(file)) ?? []
    const names = [...inside.matchAll(/^ {2}(?:readonly |\| )?'?(\w+)'?(?:[:,]|$)/gm)].map(
      ([, name = '']) => name,
    )
    expect(names.length).toBeGreaterThan(2)
    expect(names.filter((name) => !new RegExp(`[\`.]${name}\\b`).test(readme))).toEqual([])
  })
})
