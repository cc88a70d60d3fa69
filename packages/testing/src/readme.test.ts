import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { auth0Switches } from './auth0/tenant.ts'
import { policyOf } from './authorization-server/policy.ts'
import { exboSwitches } from './exbo/oauth.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

describe('README', () => {
  it('names every policy and every switch of EXBO and Auth0', () => {
    for (const name of Object.keys(policyOf(false))) expect(readme).toContain(`\`${name}\``)
    const switches = { ...exboSwitches(), ...auth0Switches() }
    for (const name of Object.keys(switches)) expect(readme).toContain(`switches.${name}`)
  })
})
