import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { policyOf } from './authorization-server/policy.ts'
import { exboSwitches } from './exbo/oauth.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

describe('README', () => {
  it('names every policy and every EXBO switch', () => {
    for (const name of Object.keys(policyOf(false))) expect(readme).toContain(`\`${name}\``)
    for (const name of Object.keys(exboSwitches())) expect(readme).toContain(`switches.${name}`)
  })
})
