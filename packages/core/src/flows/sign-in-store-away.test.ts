import { describe, expect, it } from 'vitest'
import type { Provider } from '../protocol/provider.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { subjectRef } from '../session/record.ts'
import { userKey } from '../session/session-index.ts'
import type { Browser } from './flows.fixture.ts'
import { FlowsFixture } from './flows.fixture.ts'
import { duringOutage, forEachOutage, type Outage } from './outage.fixture.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

const owners: readonly (readonly [string, Partial<Provider>])[] = [
  ['of a session', { revocation: 'token' }],
  ['of a session, revoked as one', { revocation: 'authorization' }],
  ['kept', { keepAccounts: true, revocation: 'token' }],
  ['exclusive', { exclusive: true, revocation: 'authorization' }],
  ['exclusive and kept', { exclusive: true, keepAccounts: true, revocation: 'authorization' }],
]

/** What a browser does when the store goes away. */
const logins = {
  'a first sign-in': async (browser: Browser) => browser.begin('example', '', 'new'),
  'a sign-in over a session': async (browser: Browser) => {
    await browser.signIn('example', '', 'old')
    return browser.begin('example', '', 'new')
  },
  'a sign-in over the session of somebody else': async (browser: Browser, fixture: FlowsFixture) => {
    fixture.client.person = { id: 'grace' }
    await browser.signIn('example', '', 'old')
    fixture.client.person = { id: 'ada' }
    return browser.begin('example', '', 'new')
  },
  'a link': async (browser: Browser) => {
    await browser.signIn('example', '', 'old')
    return browser.beginStep('link', 'other', 'new')
  },
} as const
type Login = keyof typeof logins

/** A callback during which the store goes away. `undefined`: it had fewer commands. */
async function cutShort(login: Login, provider: Partial<Provider>, outage: Outage) {
  const clients = ['example', 'other'].map((id) => new ScriptedSignInClient(id, provider))
  const fixture = new FlowsFixture({ clients })
  const flows = fixture.flows()
  const browser = fixture.browser(flows)
  const callback = await logins[login](browser, fixture)
  const before = browser.copy()
  const ended = await duringOutage(fixture, flows, outage, () => browser.get(callback))
  return ended && { fixture, browser, before, status: ended.result?.status }
}

/** What is wrong with how it ended. */
async function faults(
  ended: NonNullable<Awaited<ReturnType<typeof cutShort>>>,
  login: Login,
  seconds: number,
) {
  const { fixture, browser, before, status } = ended
  const found: string[] = []
  const now = await browser.session()
  const stillThere = await before.session()
  const isDone = status === 303
  if (isDone && now === undefined) found.push('it was answered, and nobody is signed in')
  if (isDone && login !== 'a first sign-in' && stillThere !== undefined) found.push('the old cookie lives')
  if (!isDone && login !== 'a first sign-in' && seconds < 10 && now === undefined)
    found.push('it signed its user out')
  // Nothing is left that nobody has the cookie of.
  const locators = new Set([now?.locator].filter((one) => one !== undefined))
  for (const { name, args } of fixture.watched.commands) {
    const locator = name === 'sessions.write' ? String(args[0]) : ''
    if (locator === '' || locators.has(locator)) continue
    if ((await fixture.store.sessions.peek(locator)) !== undefined)
      found.push('a session is left that nobody has')
  }
  const { accounts = [], membership } = now?.record ?? {}
  const places = [membership, ...accounts.map((account) => account.membership)].map((place) => place?.id)
  for (const id of ['ada', 'grace']) {
    const keys = [userKey(`example:${id}`), ...fixture.clients.map((client) => subjectKey(client, id))]
    for (const key of keys) {
      const members = await fixture.store.subjects.members(key)
      if (members.some((member) => !places.includes(member)))
        found.push('an index has a place that no session has')
      const shared = await fixture.vault.read({ ref: subjectRef(key) })
      if (shared !== undefined && shared.holder === undefined && members.length === 0)
        found.push('a shared grant is left that no session shares')
    }
  }
  // Where nobody else has them, its tokens are in use or revoked. Kept ones may be kept.
  const client = login === 'a link' ? fixture.clients[1] : fixture.client
  const { keepAccounts, revocation } = fixture.client.provider
  const isRedeemed = client?.exchanges.some(({ code }) => code === 'new')
  if (!isDone && isRedeemed && revocation === 'token' && !keepAccounts) {
    if (!client?.revoked.includes('refresh of new')) found.push('its tokens are left unrevoked')
  }
  return found
}

describe.each(Object.keys(logins) as Login[])('%s, and the store goes away', (login) => {
  describe.each(owners)('whose grants are %s', (_, provider) => {
    it.each([2, 8, 40])(
      'for %d s: signs nobody out for a moment’s outage, and leaves nothing behind',
      async (seconds) => {
        await forEachOutage(
          seconds,
          (outage) => cutShort(login, provider, outage),
          async (ended, outage) =>
            expect(await faults(ended, login, seconds), JSON.stringify(outage)).toEqual([]),
        )
      },
    )
  })
})
