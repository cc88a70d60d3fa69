import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { policyOf } from './authorization-server/policy.ts'
import { exboSwitches } from './exbo/oauth.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

describe('README', () => {
  it('shows the main job before line 15 in code that runs', async () => {
    const code = /```js\n(.*?)```/s.exec(readme)?.[1] ?? ''
    const linesBefore = readme.slice(0, readme.indexOf(code)).split('\n').length - 1
    const lines = code.trim().split('\n').length
    expect(lines).toBeLessThanOrEqual(12)
    expect(linesBefore + lines).toBeLessThan(15)
    const local = code.replace(
      "'@latchkey/testing'",
      JSON.stringify(new URL('./index.ts', import.meta.url).href),
    )
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', local])
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1\/callback\?code=code_LKM\w+\n$/)
  })

  it('names every policy and every EXBO switch', () => {
    for (const name of Object.keys(policyOf(false))) expect(readme).toContain(`\`${name}\``)
    for (const name of Object.keys(exboSwitches())) expect(readme).toContain(`switches.${name}`)
  })
})
