import { describe, expect, it } from 'vitest'
import { grantRefOf } from '../session/record.ts'
import type { Grant } from '../vault/grant.ts'
import { type Browser, FlowsFixture, ScriptedSignInClient } from './flows.fixture.ts'

/** Three providers whose accounts a user keeps. */
function keeping(): FlowsFixture {
  const clients = ['example', 'other', 'third'].map(
    (id) => new ScriptedSignInClient(id, { keepAccounts: true }),
  )
  return new FlowsFixture({ clients })
}

/** The grant of the account that signed in. */
async function keptGrant(fixture: FlowsFixture, browser: Browser): Promise<Grant | undefined> {
  const session = await browser.session()
  const [account] = session?.record.accounts ?? []
  return account && fixture.vault.read({ ref: grantRefOf(session?.locator ?? '', account) })
}

/** Runs `meanwhile` once, just before the store is asked `command`. */
function once({ watched }: FlowsFixture, command: string, meanwhile: () => Promise<unknown>): void {
  watched.before = async ({ name }) => {
    if (name !== command) return
    watched.before = () => {}
    await meanwhile()
  }
}

describe('a link that another tab of its browser overtakes', () => {
  it('keeps both accounts, and revokes none of their tokens (keepAccounts)', async () => {
    const fixture = keeping()
    const browser = fixture.browser()
    await browser.signIn()
    const slow = await browser.beginStep('link', 'other', 'slow')
    const quick = await browser.beginStep('link', 'third', 'quick')
    once(fixture, 'sessions.write', () => browser.get(quick))
    expect((await browser.get(slow)).status).toBe(303)
    const session = await browser.session()
    expect(session?.record.accounts.map(({ provider }) => provider)).toEqual(['example', 'third', 'other'])
    expect(fixture.clients.flatMap(({ revoked }) => revoked)).toEqual([])
  })
})

describe('two sign-ins of one browser that meet', () => {
  it('case 69: leave a kept account with tokens that nobody has revoked', async () => {
    const fixture = keeping()
    const browser = fixture.browser()
    await browser.signIn()
    const slow = await browser.begin('example', '', 'slow')
    const quick = await browser.begin('example', '', 'quick')
    once(fixture, 'sessions.write', () => browser.get(quick))
    expect((await browser.get(slow)).status).toBe(303)
    const kept = await keptGrant(fixture, browser)
    expect(kept).toMatchObject({
      state: 'live',
      holder: 'example:ada',
      tokens: { refreshToken: 'refresh of quick' },
    })
    expect(new Set(fixture.client.revoked)).toEqual(new Set(['refresh of code', 'refresh of slow']))
  })
})
