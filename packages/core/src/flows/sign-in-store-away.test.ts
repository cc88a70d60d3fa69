import { describe, expect, it } from 'vitest'
import type { Provider } from '../protocol/provider.ts'
import { subjectKey } from '../protocol/subject-key.ts'
import { userKey } from '../session/session-index.ts'
import type { Browser } from './flows.fixture.ts'
import { FlowsFixture } from './flows.fixture.ts'
import type { Reply } from './http.ts'
import { ScriptedSignInClient } from './scripted-sign-in-client.fixture.ts'

const owners: readonly (readonly [string, Partial<Provider>])[] = [
  ['of a session', { revocation: 'token' }],
  ['of a session, revoked as one', { revocation: 'authorization' }],
  ['kept', { keepAccounts: true, revocation: 'token' }],
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

interface Outage {
  /** It begins with this command of the callback, counted from 0. */
  readonly from: number
  /** Whether that one is carried out, and only its answer is lost. */
  readonly isCarriedOut: boolean
  readonly seconds: number
}

/** A callback during which the store goes away. `undefined`: it had fewer commands. */
async function cutShort(login: Login, provider: Partial<Provider>, outage: Outage) {
  const clients = ['example', 'other'].map((id) => new ScriptedSignInClient(id, provider))
  const fixture = new FlowsFixture({ clients })
  const flows = fixture.flows()
  const browser = fixture.browser(flows)
  const callback = await logins[login](browser, fixture)
  const before = browser.copy()
  let count = 0
  let backAt: number | undefined
  const isAway = (): boolean => backAt !== undefined && fixture.clock.now() < backAt
  fixture.watched.before = () => {
    if (isAway()) throw new Error('no connection')
    count += 1
    if (count - 1 !== outage.from || outage.isCarriedOut || backAt !== undefined) return
    backAt = fixture.clock.now() + outage.seconds
    throw new Error('no connection')
  }
  fixture.watched.after = () => {
    if (count - 1 !== outage.from || !outage.isCarriedOut || backAt !== undefined) return
    backAt = fixture.clock.now() + outage.seconds
    throw new Error('no answer')
  }
  let reply: Reply | undefined
  const calling = browser.get(callback).then((answer) => {
    reply = answer
  })
  for (let passed = 0; reply === undefined; passed += 0.25) {
    expect(passed).toBeLessThan(90)
    await fixture.clock.advance(0.25)
  }
  await calling
  for (let passed = 0; passed < 90; passed += 1) await fixture.clock.advance(1)
  await flows.close()
  fixture.watched.before = () => {}
  fixture.watched.after = () => undefined
  return backAt === undefined
    ? undefined
    : { fixture, browser, before, status: (reply as Reply | undefined)?.status }
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
  for (const id of ['ada', 'grace']) {
    const keys = [userKey(`example:${id}`), ...fixture.clients.map((client) => subjectKey(client, id))]
    for (const key of keys) {
      for (const member of await fixture.store.subjects.members(key)) {
        if (!locators.has(member.split('.', 1)[0] ?? ''))
          found.push('an index has a session that is not there')
      }
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
        for (const isCarriedOut of [true, false]) {
          for (let from = 0; ; from += 1) {
            const ended = await cutShort(login, provider, { from, isCarriedOut, seconds })
            if (ended === undefined) break
            expect(await faults(ended, login, seconds), `from ${from}, carried out: ${isCarriedOut}`).toEqual(
              [],
            )
          }
        }
      },
    )
  })
})
