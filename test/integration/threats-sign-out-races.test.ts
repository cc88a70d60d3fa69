import type { Latchkey, RequestOAuth } from '@latchkey/express'
import type { PageResponse } from '@latchkey/testing'
import type { Express } from 'express'
import { describe, expect, it } from 'vitest'
import { type Fleet, type FleetVisitor, locatorOf } from './fleet.fixture.ts'
import { type Gated, gateOf, startGated } from './gated-fleet.fixture.ts'
import type { Gate } from './gated-store.fixture.ts'
import { events, type HarnessServers } from './harness.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { bothWays, type Call } from './signed-in.fixture.ts'

const script = { accept: 'application/json', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }

/** `/work` is for members: it changes `req.session`, then calls the API. `/note` shows what it wrote. */
function workRoutes(call: Call) {
  return (app: Express, auth: Latchkey<'example'>, { rs }: HarnessServers): void => {
    app.get('/work', auth.requireLogin(), async (req, res) => {
      Reflect.set(req.session, 'note', `${req.query.note}`)
      const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
      res.status((await call(oauth, `${rs.origin}/things`)).status).send('done')
    })
    app.get('/note', (req, res) => void res.send(`${Reflect.get(req.session, 'note') ?? 'nothing'}`))
  }
}

/** How many records of this browser's session are left: the session itself and all its grants. */
async function recordsLeft(fleet: Fleet, visitor: FleetVisitor): Promise<number> {
  const { grants, session } = await fleet.recordsOf(locatorOf(visitor))
  expect(grants.length).toBeGreaterThan(0)
  return [session, ...grants.map(({ record }) => record)].filter((record) => record !== undefined).length
}

type Point = (gated: Gated) => Gate

const stopAt =
  (command: string): Point =>
  ({ store }) =>
    store.stop(command)

/** Where the other request stands while its user signs out. */
const points: Readonly<Record<string, Point>> = {
  'before its session is read': stopAt('sessions.read'),
  'before its tokens are read': stopAt('grants.read'),
  'before it takes the lease': stopAt('leases.take'),
  'before the token request is processed': ({ fleet }) =>
    gateOf(fleet.servers.as.faults.hold('token', { calls: 1 })),
  'after the token was rotated': ({ fleet }) =>
    gateOf(fleet.servers.as.faults.hold('token', { at: 'afterCommit', calls: 1 })),
  'before the answer is saved': stopAt('grants.commit'),
  'before the API answers': ({ fleet }) => gateOf(fleet.servers.rs.faults.hold('resource', { calls: 1 })),
  'before req.session is saved': stopAt('appSessions.write'),
}

describe.each(bothWays)(
  'case 37: a sign-out while a request is under way, through req.oauth.%s',
  (name, call) => {
    it(
      'case 37: revives nothing at any of 8 points',
      async () => {
        const rounds = countOf({ everyday: 2, full: 63 })
        const gated = await startGated({
          server: { policy: { rotate: true, reuseKillsFamily: true } },
          routes: workRoutes(call),
        })
        const { fleet } = gated
        const { as, clock } = fleet.servers
        let [done, revived] = [0, 0]
        for (const [where, point] of Object.entries(points)) {
          for (let round = 0; round < rounds; round += 1) {
            const visitor = await fleet.signedIn('user-ada')
            await visitor.get('/work?note=before', {}, 0)
            await clock.advance(3_700)
            const before = fleet.copyOf(visitor)
            const gate = point(gated)
            const slow = visitor.get('/work?note=late', { redirect: 'manual', headers: script }, 0)
            await gate.arrived
            expect([where, (await visitor.post('/logout', 1)).status]).toEqual([where, 303])
            expect([where, await recordsLeft(fleet, before)]).toEqual([where, 0])
            gate.open()
            const answer = await slow
            expect([where, [200, 401].includes(answer.status)]).toEqual([where, true])
            expect(answer.setCookies.filter((cookie) => cookie.startsWith('__Host-latchkey='))).toEqual([])
            const [left, user, note] = [
              await recordsLeft(fleet, before),
              await before.whoami(round % 2),
              (await before.get('/note', {}, round % 2)).text,
            ]
            expect([where, left, user, note]).toEqual([where, 0, null, 'nothing'])
            await expect.poll(() => as.liveFor('user-ada')?.revoked, { message: where }).toBe(true)
            if (left > 0 || user !== null || note !== 'nothing') revived += 1
            done += 1
          }
        }
        console.log(
          `case 37: ${done} sign-outs during a request through ${name}: ${revived} sessions revived`,
        )
        expect(revived).toBe(0)
      },
      countTimeoutMs,
    )
  },
)

const accessToken: Call = async (oauth) => {
  const { value } = await oauth.accessToken()
  return { status: 200, text: `${value.length}`, headers: {} }
}

const revocations = ['token', 'authorization'] as const
const commits = ['beforeCommit', 'afterCommit'] as const
const variants = [...bothWays, ['accessToken', accessToken] as const].flatMap(([name, call]) =>
  revocations.flatMap((revocation) => commits.map((at) => [name, revocation, at, call] as const)),
)

describe('case 38: a sign-out while a refresh is at the authorization server', () => {
  function expectSignedOut(page: PageResponse): void {
    expect([page.status, JSON.parse(page.text)]).toMatchObject([401, { code: 'login_required' }])
    expect(page.setCookies.filter((cookie) => cookie.startsWith('__Host-latchkey='))).toEqual([])
  }

  /** The tokens that the server was asked to revoke. */
  function revoked({ servers: { as } }: Fleet): readonly (string | null)[] {
    return as.requests.filter(({ endpoint }) => endpoint === 'revoke').map(({ form }) => form.get('token'))
  }

  it.each(variants)(
    'case 38: %s, revocation of the %s, %s: the caller has to sign in, nothing is stored, all is revoked',
    async (_name, revocation, at, call) => {
      const { fleet } = await startGated({ provider: { revocation }, routes: workRoutes(call) })
      const { as, rs, clock } = fleet.servers
      const ada = await fleet.signedIn('user-ada')
      await clock.advance(3_700)
      const before = fleet.copyOf(ada)
      const hold = as.faults.hold('token', { at })
      const slow = ada.get('/work', { headers: script }, 0)
      await hold.arrived
      const newest = as.liveFor('user-ada')?.refreshToken
      expect((await ada.post('/logout', 1)).status).toBe(303)
      expect(await recordsLeft(fleet, before)).toBe(0)
      hold.release()
      expectSignedOut(await slow)
      expect([await recordsLeft(fleet, before), rs.calls.resource, as.calls.token]).toEqual([0, 0, 2])
      await expect.poll(() => revoked(fleet)).toContain(newest)
      const live = as.liveFor('user-ada')
      expect([live?.revoked, live?.refreshToken, live?.accessToken]).toEqual([true, undefined, undefined])
      expect(await before.whoami()).toBeNull()
    },
  )

  it.each(revocations)(
    'case 38: a refresh ahead, which nobody waits for, is not stored either (revocation of the %s)',
    async (revocation) => {
      const { fleet } = await startGated({ provider: { revocation }, routes: workRoutes(accessToken) })
      const { as, clock } = fleet.servers
      const ada = await fleet.signedIn('user-ada')
      await clock.advance(3_600 - 20)
      const before = fleet.copyOf(ada)
      const hold = as.faults.hold('token', { at: 'afterCommit' })
      expect((await ada.get('/work', { headers: script }, 0)).status).toBe(200)
      await hold.arrived
      const newest = as.liveFor('user-ada')?.refreshToken
      expect((await ada.post('/logout', 1)).status).toBe(303)
      hold.release()
      await expect.poll(() => revoked(fleet)).toContain(newest)
      expect([await recordsLeft(fleet, before), as.liveFor('user-ada')?.revoked]).toEqual([0, true])
      expect(fleet.all.flatMap((harness) => events(harness, 'refresh.ahead_failed'))).toEqual([])
    },
  )

  it('case 38: where revoking ends the whole authorization, another session of the user keeps it', async () => {
    const { fleet } = await startGated({ routes: workRoutes(accessToken) })
    const { as, clock } = fleet.servers
    const [left, stays] = [await fleet.signedIn('user-ada'), await fleet.signedIn('user-ada')]
    await clock.advance(3_700)
    const before = fleet.copyOf(left)
    const hold = as.faults.hold('token', { at: 'afterCommit', calls: 1 })
    const slow = left.get('/work', { headers: script }, 0)
    await hold.arrived
    expect((await left.post('/logout', 1)).status).toBe(303)
    hold.release()
    expectSignedOut(await slow)
    expect([await recordsLeft(fleet, before), revoked(fleet)]).toEqual([0, []])
    expect((await stays.get('/me', { headers: script })).status).toBe(200)
  })
})
