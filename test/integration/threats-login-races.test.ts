import type { UserAgent } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { Sealer } from '../../packages/core/src/crypto/seal.ts'
import { GrantCodec } from '../../packages/core/src/vault/codec.ts'
import { type Fleet, type FleetVisitor, locatorOf } from './fleet.fixture.ts'
import { type Gated, gateOf, startGated } from './gated-fleet.fixture.ts'
import type { Gate } from './gated-store.fixture.ts'
import { authorizationResponse } from './login-steps.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

const rotating = { policy: { rotate: true, reuseKillsFamily: true } }
const script = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

/** The grants, as the authorization server knows them, that the tokens of a session's one record come from. */
async function grantsBehind(fleet: Fleet, locator: string) {
  const { as } = fleet.servers
  const codec = new GrantCodec(new Sealer([fleet.secret]))
  const { session, grants } = await fleet.recordsOf(locator)
  const live = grants.flatMap(({ id, record }) => {
    const grant = record && codec.open({ slot: locator, id }, record)
    return grant?.state === 'live' ? [grant.tokens] : []
  })
  return {
    isSignedIn: session !== undefined,
    grants: live.map(({ accessToken, refreshToken }) => ({
      ofAccessToken: as.introspect(accessToken),
      ofRefreshToken: as.grants().find((grant) => grant.refreshToken === refreshToken),
    })),
  }
}

/** The session in this slot holds the tokens of one living grant of this user, and of no other. */
async function expectOneGrant(fleet: Fleet, locator: string, userId: string): Promise<void> {
  const { isSignedIn, grants } = await grantsBehind(fleet, locator)
  expect([isSignedIn, grants.length]).toEqual([true, 1])
  for (const { ofAccessToken, ofRefreshToken } of grants) {
    expect([ofAccessToken?.userId, ofRefreshToken?.userId]).toEqual([userId, userId])
    expect(ofAccessToken?.grantId).toBe(ofRefreshToken?.grantId)
    expect([ofAccessToken?.revoked, ofAccessToken?.familyRevoked]).toEqual([false, false])
  }
}

/** Whom the API sees behind this browser. */
async function ownerAtApi(visitor: FleetVisitor): Promise<unknown> {
  const page = await visitor.get('/me', { headers: script })
  expect(page.status).toBe(200)
  const { answer } = JSON.parse(page.text) as { answer: string } // the harness's own route
  return (JSON.parse(answer) as { claims: { sub: unknown } }).claims.sub // the resource server's own answer
}

const refreshPoints: Readonly<Record<string, (gated: Gated) => Gate>> = {
  'before it is processed': ({ fleet }) => gateOf(fleet.servers.as.faults.hold('token', { calls: 1 })),
  'after it was processed': ({ fleet }) =>
    gateOf(fleet.servers.as.faults.hold('token', { at: 'afterCommit', calls: 1 })),
  'before it is saved': ({ store }) => store.stop('grants.commit'),
  'before its lease is taken': ({ store }) => store.stop('leases.take'),
}

const races = Object.keys(refreshPoints).flatMap((where) =>
  (['token', 'authorization'] as const).flatMap((revocation) =>
    (['user-ada', 'user-grace'] as const).map((next) => [where, revocation, next] as const),
  ),
)

describe('case 69: a new login overtakes the refresh of the old one', () => {
  it.each(races)(
    'case 69: %s, revocation of the %s, by %s: the new login stands alone',
    async (where, revocation, next) => {
      const gated = await startGated({ server: rotating, provider: { revocation } })
      const { fleet } = gated
      const { as, clock } = fleet.servers
      const visitor = await fleet.signedIn('user-ada')
      const old = as.liveFor('user-ada')?.grantId ?? ''
      const tab = fleet.copyOf(visitor)
      await clock.advance(3_700)
      const gate = refreshPoints[where]?.(gated)
      const slow = tab.get('/me', { headers: script }, 0)
      await gate?.arrived
      await visitor.signIn(next, 1)
      const newest = as.liveFor(next)?.grantId
      gate?.open()
      const answer = await slow
      expect([answer.status, answer.setCookies]).toEqual([401, []])
      await expectOneGrant(fleet, locatorOf(visitor), next)
      expect([await visitor.whoami(), await ownerAtApi(visitor), await tab.whoami()]).toEqual([
        next,
        next,
        null,
      ])
      // Where a revocation would end the user's new authorization too, the old tokens are left to die of age.
      const isRevoked = revocation === 'token' || next !== 'user-ada'
      await expect.poll(() => as.live(old).revoked).toBe(isRevoked)
      await clock.advance(3_700)
      expect([await ownerAtApi(visitor), as.liveFor(next)?.grantId]).toEqual([next, newest])
      expect(as.live(old).revoked).toBe(isRevoked)
      expect(as.grants().filter(({ familyRevoked }) => familyRevoked)).toEqual([])
    },
  )
})

/** What holds the first of two callbacks up. */
const callbackPoints: Readonly<Record<string, (gated: Gated) => Gate | undefined>> = {
  nothing: () => undefined,
  'its code exchange': ({ fleet }) => gateOf(fleet.servers.as.faults.hold('token', { calls: 1 })),
  'the answer of its code exchange': ({ fleet }) =>
    gateOf(fleet.servers.as.faults.hold('token', { at: 'afterCommit', calls: 1 })),
  'its userinfo': ({ fleet }) => gateOf(fleet.servers.as.faults.hold('userinfo', { calls: 1 })),
  'the store that saves it': ({ store }) => store.stop('sessions.write'),
}

const tabs = [undefined, 'user-ada', 'user-linus'].flatMap((before) =>
  ['user-ada', 'user-grace'].map((second) => [before, 'user-ada', second] as const),
)

describe('case 69: two logins of one browser end together', () => {
  it(
    'case 69: each session holds the tokens of one grant, and the browser is one of the two users',
    async () => {
      const rounds = countOf({ everyday: 1, full: 34 })
      const gated = await startGated({ server: rotating })
      const { fleet } = gated
      let [done, alive] = [0, 0]
      for (const [before, ...users] of Array.from({ length: rounds }, () => tabs).flat()) {
        for (const [where, point] of Object.entries(callbackPoints)) {
          const visitor = before === undefined ? fleet.newVisitor() : await fleet.signedIn(before)
          const callbacks: string[] = []
          for (const [place, userId] of users.entries())
            callbacks.push(await begin(fleet, visitor, userId, place))
          const gate = point(gated)
          const first = visitor.get(callbacks[0] ?? '', { redirect: 'manual' }, 0)
          await gate?.arrived
          const second = visitor.get(callbacks[1] ?? '', { redirect: 'manual' }, 1)
          if (gate !== undefined) await second
          gate?.open()
          const pages = await Promise.all([first, second])
          expect([where, ...pages.map(({ status }) => status)]).toEqual([where, 303, 303])
          const user = await visitor.whoami()
          // Answers may come in another order than they were stored: then the browser has the cookie that died.
          if (gate !== undefined || before === undefined) expect(users).toContain(user)
          for (const cookie of pages.flatMap(({ setCookies }) => setCookies)) {
            const value = /^__Host-latchkey=([^;]+)/.exec(cookie)?.[1]
            if (value === undefined) continue
            const owner = await withCookie(fleet, value)
            const holder = await owner.whoami()
            if (holder === null) continue
            alive += 1
            await expectOneGrant(fleet, locatorOf(owner), String(holder))
            expect(await ownerAtApi(owner)).toBe(holder)
          }
          done += 1
        }
      }
      console.log(
        `case 69: ${done} times two callbacks of one browser: ${alive} sessions, each with one grant`,
      )
      expect(alive).toBeGreaterThanOrEqual(done)
      expect(fleet.servers.as.grants().filter(({ familyRevoked }) => familyRevoked)).toEqual([])
    },
    countTimeoutMs,
  )

  async function begin(fleet: Fleet, visitor: FleetVisitor, userId: string, place: number): Promise<string> {
    fleet.servers.as.policy.autoApprove = userId
    const login = (browser: UserAgent) => authorizationResponse(browser, `${publicOrigin}/login/example`)
    const { callbackUrl } = await fleet.through(place, visitor.cookies, login)
    return callbackUrl.pathname + callbackUrl.search
  }

  /** A browser that has this sign-in cookie and no other. */
  async function withCookie(fleet: Fleet, value: string): Promise<FleetVisitor> {
    const visitor = fleet.newVisitor()
    visitor.cookies.receive(`__Host-latchkey=${value}; Path=/; Secure; HttpOnly; SameSite=Lax`, publicOrigin)
    return visitor
  }
})
