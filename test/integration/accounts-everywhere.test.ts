import { randomBytes } from 'node:crypto'
import { type LatchkeyOptions, memoryStore, type Store } from '@latchkey/express'
import { CookieJar, UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import {
  type AccountServers,
  type AccountsApp,
  accountsOf,
  authOf,
  beginLink,
  keeping,
  link,
  startAccountServers,
  startAccountsApp,
} from './accounts-app.fixture.ts'
import { GatedStore } from './gated-store.fixture.ts'
import { expectRefused } from './login-steps.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

const ada = 'example:user-ada'

/** Two processes of one app behind one public origin. */
interface TwoApps extends AccountServers {
  readonly p1: AccountsApp
  readonly p2: AccountsApp
  /** A browser whose requests go to this process; with cookies given it is one more window of the same. */
  browser(app: AccountsApp, cookies?: CookieJar): UserAgent
  /** A browser of this process that is signed in. */
  signedIn(app: AccountsApp, name: string, provider?: string): Promise<UserAgent>
}

async function startTwo(
  options: Partial<LatchkeyOptions<'example'>> = {},
  storeOf = ({ clock }: AccountServers): Store => memoryStore({ clock }),
): Promise<TwoApps> {
  const servers = await startAccountServers()
  const secret = randomBytes(32).toString('base64url')
  const common = { baseUrl: publicOrigin, secret, store: storeOf(servers), ...options }
  const origins = new Map<AccountsApp, string>()
  const apps: AccountsApp[] = []
  for (let process = 0; process < 2; process += 1) {
    const app = await startAccountsApp({ servers, options: common })
    const seen = { ...app, origin: publicOrigin }
    origins.set(seen, app.origin)
    apps.push(seen)
  }
  servers.as.registerRedirectUri(`${publicOrigin}/callback/example`)
  for (const id of ['other', 'third']) {
    servers.other.registerRedirectUri(`${publicOrigin}/callback/${id}`, `${id}-client`)
  }
  const [p1, p2] = apps as [AccountsApp, AccountsApp] // two were started
  const { clock } = servers
  const browser = (app: AccountsApp, cookies = new CookieJar(() => clock.now())): UserAgent =>
    new UserAgent({ clock, origins: { [publicOrigin]: origins.get(app) ?? '' } }, cookies)
  const signedIn = async (app: AccountsApp, name: string, provider = 'example'): Promise<UserAgent> => {
    const agent = browser(app)
    await agent.signIn(`${publicOrigin}/login/${provider}?returnTo=/accounts`, { as: name })
    return agent
  }
  return { ...servers, p1, p2, browser, signedIn }
}

/** The user ids behind these cookies, in each of the processes. */
async function usersOf(
  { p1, p2 }: TwoApps,
  cookies: readonly string[],
): Promise<ReadonlySet<string | undefined>> {
  const seen = cookies.flatMap((cookie) =>
    [p1, p2].map(async (app) => (await app.auth.from({ headers: { cookie } } as never)).userId),
  )
  return new Set(await Promise.all(seen))
}

/** Makes sessions of a user, in both processes by turns. */
async function sessions({ p1, p2, as }: TwoApps, name: string, count: number): Promise<readonly string[]> {
  const made = Array.from({ length: count }, async (_, index) => {
    const { userId: id, ...tokens } = as.tokens(name, { scope: ['read'] })
    const { auth } = index % 2 === 0 ? p1 : p2
    return (await auth.createSession({ provider: 'example', user: { id }, tokens })).cookie
  })
  return Promise.all(made)
}

const ends = [
  [
    'a browser',
    async ({ p2, signedIn }: TwoApps) => {
      const browser = await signedIn(p2, 'Ada')
      const page = await browser.post(`${publicOrigin}/everywhere`)
      expect([page.status, page.url]).toEqual([200, `${publicOrigin}/accounts`])
      expect(browser.cookies.all).toEqual([])
    },
  ],
  ['an admin page', async ({ p1 }: TwoApps) => (await authOf(p1).user(ada))?.logout()],
  [
    'the account at the provider',
    async ({ p2 }: TwoApps) => {
      expect(await p2.auth.endSessions({ provider: 'example', id: 'user-ada' })).toBe(50)
    },
  ],
] as const

describe.each(ends)('case 41: fifty sessions that %s ends at once', (_, end) => {
  it('case 41: are all dead in every process, with their tokens; nobody else is, and later sign-ins live', async () => {
    const apps = await startTwo()
    const { p1, p2, as } = apps
    const [adas, graces] = [await sessions(apps, 'ada', 50), await sessions(apps, 'grace', 5)]
    expect(await usersOf(apps, adas)).toEqual(new Set([ada]))
    await end(apps)
    expect(await usersOf(apps, adas)).toEqual(new Set([undefined]))
    expect(await usersOf(apps, graces)).toEqual(new Set(['example:user-grace']))
    const revoked = () =>
      as.grants().filter(({ userId, revoked: isRevoked }) => userId === 'user-ada' && !isRevoked)
    await expect.poll(() => revoked().length).toBe(0)
    expect(as.liveFor('user-grace')).toMatchObject({ revoked: false })
    expect([await authOf(p1).user(ada), await authOf(p2).user(ada)]).toEqual([undefined, undefined])
    const later = await apps.signedIn(p1, 'Ada')
    for (const app of [p1, p2]) {
      const again = apps.browser(app, later.cookies)
      expect((await accountsOf(app, again)).userId).toBe(ada)
      expect((await again.get(`${publicOrigin}/me`)).status).toBe(200)
    }
    await apps.clock.advance(3_600)
    expect(await usersOf(apps, adas)).toEqual(new Set([undefined]))
  })
})

describe('kept accounts', () => {
  it('survive the end of all sessions, and are there at the next sign-in', async () => {
    const apps = await startTwo(keeping)
    const { p1, p2, other } = apps
    const browser = await apps.signedIn(p1, 'Ada')
    await link(p1, browser, 'Grace')
    const phone = await apps.signedIn(p2, 'Ada')
    await (await authOf(p2).user(ada))?.logout()
    for (const [app, agent] of [
      [p1, browser],
      [p2, phone],
    ] as const) {
      expect((await accountsOf(app, agent)).userId).toBeNull()
    }
    expect(other.liveFor('user-grace')).toMatchObject({ revoked: false })
    const user = await authOf(p1).user(ada)
    expect((await user?.account('other').fetch(`${p1.otherApi.origin}/job`))?.status).toBe(200)
    const again = await apps.signedIn(p2, 'Ada')
    expect((await accountsOf(p2, again)).accounts).toEqual(['example:user-ada', 'other:user-grace'])
  })
})

describe('case 41: a sign-in that meets the end of all sessions', () => {
  it.each([
    ['was in the index before', true],
    ['comes into the index after it', false],
  ])('case 41: that %s is decided by the store’s times', async (_, isBefore) => {
    let gated: GatedStore | undefined
    const apps = await startTwo({}, ({ clock }) => {
      gated = new GatedStore(clock)
      return gated.store
    })
    const { p1, p2, as } = apps
    const old = await apps.signedIn(p2, 'Ada')
    as.policy.autoApprove = 'user-ada'
    const browser = apps.browser(p1)
    const hold = isBefore ? undefined : as.faults.hold('token', { at: 'afterCommit' })
    const gate = isBefore ? gated?.stop('sessions.write') : undefined
    const signingIn = browser.get(`${publicOrigin}/login/example?returnTo=/accounts`)
    await Promise.all([gate?.arrived, hold?.arrived])
    await (await authOf(p2).user(ada))?.logout()
    expect((await accountsOf(p2, old)).userId).toBeNull()
    await apps.clock.advance(1)
    gate?.open()
    hold?.release()
    const page = await signingIn
    if (isBefore) expectRefused(page, 401)
    expect((await accountsOf(p1, browser)).userId).toBe(isBefore ? null : ada)
    await expect.poll(() => as.liveFor('user-ada')?.revoked).toBe(isBefore)
    expect((await authOf(p2).user(ada))?.userId).toBe(isBefore ? undefined : ada)
  })
})

describe('the end of all sessions', () => {
  it('case 38: during a refresh stores nothing, and revokes what comes', async () => {
    const apps = await startTwo()
    const { p1, p2, as } = apps
    const browser = await apps.signedIn(p1, 'Ada')
    const headers = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
    await apps.clock.advance(3_700)
    const hold = as.faults.hold('token', { at: 'afterCommit' })
    const underWay = browser.clone().get(`${publicOrigin}/me`, { headers })
    await hold.arrived
    // Revoking the refresh token that was spent does nothing at many servers: what comes must be revoked itself.
    as.faults.always('revoke', { status: 200 })
    await (await authOf(p2).user(ada))?.logout()
    as.faults.clear('revoke')
    hold.release()
    const answer = await underWay
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([
      401,
      { code: 'login_required', reason: 'signed_out' },
    ])
    await expect.poll(() => as.liveFor('user-ada')).toMatchObject({ generation: 1, revoked: true })
    expect((await accountsOf(p1, browser)).userId).toBeNull()
  })

  it('case 37: leaves a request under way without a session to come back to', async () => {
    const apps = await startTwo()
    const { p1, p2, rs } = apps
    const browser = await apps.signedIn(p1, 'Ada')
    const hold = rs.faults.hold('resource', { at: 'afterCommit' })
    const underWay = browser.clone().get(`${publicOrigin}/me`)
    await hold.arrived
    await (await authOf(p2).user(ada))?.logout()
    hold.release()
    const page = await underWay
    expect([page.status, page.setCookies]).toEqual([200, []])
    expect((await accountsOf(p1, browser)).userId).toBeNull()
    // A link that was begun before is refused, and a new sign-in has nothing of the old session.
    await browser.signIn(`${publicOrigin}/login/example`, { as: 'Ada' })
    expect((await accountsOf(p1, browser)).accounts).toEqual(['example:user-ada'])
  })

  it('case 37: refuses a link that was begun before it', async () => {
    const apps = await startTwo(keeping)
    const { p1, p2, other } = apps
    const browser = await apps.signedIn(p1, 'Ada')
    const answer = await beginLink(p1, browser, 'Grace')
    await (await authOf(p2).user(ada))?.logout()
    expectRefused(await browser.get(answer))
    expect(other.calls.token).toBe(0)
    expect((await authOf(p1).user(ada))?.accounts.map(({ id }) => id)).toEqual(['user-ada'])
  })
})

describe('endSessions()', () => {
  it('ends sessions that were signed in to with the account, and none that only linked it', async () => {
    const apps = await startTwo()
    const { p1, p2, other } = apps
    const linked = await apps.signedIn(p1, 'Ada')
    await link(p1, linked, 'Grace')
    const signedIn = await apps.signedIn(p2, 'Grace', 'other')
    await link(p2, signedIn, 'Grace', 'third')
    expect(await authOf(p1).endSessions({ provider: 'other', id: 'user-grace' })).toBe(1)
    expect((await accountsOf(p2, signedIn)).userId).toBeNull()
    expect((await accountsOf(p1, linked)).accounts).toEqual(['example:user-ada', 'other:user-grace'])
    expect((await linked.get(`${publicOrigin}/api/other`)).text).toContain('user-grace')
    // Oldest first: the linked one, then the one that signed in and what it had linked.
    await expect.poll(() => other.grants().map(({ revoked }) => revoked)).toEqual([false, true, true])
    const again = await apps.signedIn(p1, 'Grace', 'other')
    expect((await accountsOf(p1, again)).userId).toBe('other:user-grace')
  })

  it('case 41: ends a session that is authorizing the account anew: its login is as old as before', async () => {
    const apps = await startTwo()
    const { p1, p2, as } = apps
    const browser = await apps.signedIn(p1, 'Ada')
    as.policy.autoApprove = 'user-ada'
    const hold = as.faults.hold('token', { at: 'afterCommit' })
    const consenting = browser.clone().get(`${publicOrigin}/ask/example/write`)
    await hold.arrived
    expect(await p2.auth.endSessions({ provider: 'example', id: 'user-ada' })).toBe(1)
    hold.release()
    expectRefused(await consenting, 401)
    expect((await accountsOf(p1, browser)).userId).toBeNull()
    await expect.poll(() => as.grants().map(({ revoked }) => revoked)).toEqual([true, true])
  })
})
